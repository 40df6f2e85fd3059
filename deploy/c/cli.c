/* facedge-c verify PHOTO ... -b NAME.facedge: one JSON object a line; exit code 0 accepted (all), 1 not accepted, 2 error. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "facedge.h"
#include "image.h"

static const char usage[] =
    "usage: facedge-c verify PHOTO ... -b NAME.facedge [--aligned] [--crops FOLDER]\n"
    "  PHOTO      a JPEG, PPM or PGM file; - is standard input\n"
    "  --aligned  photos are aligned crops of any size\n"
    "  --crops    write the aligned crops of the faces to FOLDER/0.ppm, FOLDER/1.ppm, ...\n"
    "The detector's file is in $FACEDGE_DETECTOR, onnxruntime's library in $FACEDGE_ONNXRUNTIME or the system's place.\n";

static void print_text(const char *text) {
    if (!text) {
        fputs("null", stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if ((unsigned char)*text < 32 || *text == '"' || *text == '\\')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static void print_result(const char *path, const facedge_result *result, double ms) {
    fputs("{\"probe\": ", stdout);
    print_text(path);
    printf(", \"decision\": \"%s\", \"score\": ", result->accepted ? "accept" : "reject");
    if (result->score >= 0)
        printf("%.9g", (double)result->score);
    else
        fputs("null", stdout);
    printf(", \"threshold\": %.17g, \"reason\": ", result->threshold);
    print_text(result->reason);
    printf(", \"faces\": %lld, \"ms\": %.2f, \"box\": ", (long long)result->faces, ms);
    const double *box = result->face.box;
    if (result->has_face)
        printf("[%.2f, %.2f, %.2f, %.2f]}\n", box[0], box[1], box[2], box[3]);
    else
        puts("null}");
}

/* What the options say besides the bundle. */
typedef struct {
    int aligned;
    const char *crops;
} settings;

static int write_crop(const facedge *verifier, const facedge_photo *photo, const char *folder, int number, char *why,
                      size_t why_size) {
    static uint8_t crop[FACEDGE_CROP_HEIGHT * FACEDGE_CROP_WIDTH * 3];
    char path[4096];
    facedge_result result = FACEDGE_RESULT;
    if (facedge_find_face(verifier, photo, NULL, &result, crop, why, why_size) != FACEDGE_OK) return 0;
    if (result.reason) return 1; /* no face, no file */
    snprintf(path, sizeof path, "%s/%d.ppm", folder, number);
    FILE *file = fopen(path, "wb");
    int good = file && fprintf(file, "P6\n%d %d\n255\n", FACEDGE_CROP_WIDTH, FACEDGE_CROP_HEIGHT) > 0 &&
               fwrite(crop, 1, sizeof crop, file) == sizeof crop;
    if (file && fclose(file) != 0) good = 0;
    if (!good) snprintf(why, why_size, "%.400s: the crop cannot be written", path);
    return good;
}

static int verify_file(const facedge *verifier, const char *path, int number, const settings *set, char *why,
                       size_t why_size) {
    facedge_photo photo;
    unsigned char *pixels = image_read(path, &photo, why, why_size);
    if (!pixels) return 2;
    facedge_search search = FACEDGE_SEARCH;
    facedge_result result = FACEDGE_RESULT;
    if (set->aligned) search.aligned = 1;
    double began = milliseconds();
    facedge_status status = facedge_verify_photo(verifier, &photo, &search, &result, why, why_size);
    double ms = milliseconds() - began;
    int written = status != FACEDGE_OK || !set->crops || write_crop(verifier, &photo, set->crops, number, why, why_size);
    free(pixels);
    if (status != FACEDGE_OK || !written) return 2;
    print_result(path, &result, ms);
    return result.accepted ? 0 : 1;
}

int main(int argc, char **argv) {
    const char *bundle = NULL;
    char why[512] = "", **photos = malloc((size_t)argc * sizeof *photos);
    int count = 0, worst = 0;
    settings set = {0, NULL};
    facedge *verifier = NULL;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) return free(photos), puts(facedge_version()), 0;
    for (int k = 2; photos && k < argc; k++) {
        if (strcmp(argv[k], "--aligned") == 0)
            set.aligned = 1;
        else if (strcmp(argv[k], "--crops") == 0 && k + 1 < argc)
            set.crops = argv[++k];
        else if (strcmp(argv[k], "-b") == 0 && k + 1 < argc)
            bundle = argv[++k];
        else
            photos[count++] = argv[k];
    }
    if (argc < 2 || strcmp(argv[1], "verify") != 0 || !bundle || !count) return free(photos), fputs(usage, stderr), 2;
    worst = facedge_open(bundle, NULL, &verifier, why, sizeof why) == FACEDGE_OK ? 0 : 2;
    for (int k = 0; k < count && worst < 2; k++) {
        int code = verify_file(verifier, photos[k], k, &set, why, sizeof why);
        worst = code > worst ? code : worst;
    }
    if (worst == 2) fprintf(stderr, "facedge: error: %s\n", why);
    facedge_close(verifier);
    free(photos);
    return worst;
}
