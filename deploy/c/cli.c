/* facedge-c verify PHOTO ... -b NAME.facedge: one JSON object a line; exit code 0 accepted (all), 1 not accepted, 2 error.
 * facedge-c enroll NAME.facedge --from PHOTO ... -b BASE.facedge: one JSON object; exit code 0 enrolled, 2 error. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, setenv, _exit */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "facedge.h"
#include "image.h"

static const char usage[] =
    "usage: facedge-c verify PHOTO ... -b NAME.facedge [--aligned] [--crops FOLDER]\n"
    "       facedge-c enroll NAME.facedge --from PHOTO ... -b BASE.facedge [--aligned] [--far RATE] [--replace]\n"
    "  PHOTO      a JPEG, PPM or PGM file; - is standard input\n"
    "  --aligned  photos are aligned crops of any size\n"
    "  --crops    write the aligned crops of the faces to FOLDER/0.ppm, FOLDER/1.ppm, ...\n"
    "  --far      the FAR asked, such as 0.001\n"
    "  --replace  replace somebody who is enrolled in NAME.facedge\n"
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
    int aligned, replace;
    const char *crops, *bundle, *far;
    const char **photos; /* of enroll, the first is the new bundle */
    int count;
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

/* A photo that is read on a thread of its own, while the bundle is opened or the photo before it is looked at. */
typedef struct {
    const char *path;
    facedge_photo photo;
    unsigned char *pixels;
    char why[512];
    pthread_t thread;
    int apart;
} reading;

static void *read_photo(void *given) {
    reading *r = given;
    r->pixels = image_read(r->path, &r->photo, r->why, sizeof r->why);
    return NULL;
}

static void begin_reading(reading *r, const settings *set, int number) {
    if (number >= set->count) return;
    r->path = set->photos[number];
    r->apart = pthread_create(&r->thread, NULL, read_photo, r) == 0;
    if (!r->apart) read_photo(r);
}

static int end_reading(reading *r, char *why, size_t why_size) {
    if (r->apart) pthread_join(r->thread, NULL);
    if (!r->pixels) snprintf(why, why_size, "%s", r->why);
    return r->pixels != NULL;
}

static int verify_photo(const facedge *verifier, const reading *read, int number, const settings *set, char *why, size_t why_size) {
    facedge_search search = FACEDGE_SEARCH;
    facedge_result result = FACEDGE_RESULT;
    if (set->aligned) search.aligned = 1;
    double began = milliseconds();
    facedge_status status = facedge_verify_photo(verifier, &read->photo, &search, &result, why, why_size);
    double ms = milliseconds() - began;
    if (status != FACEDGE_OK) return 2;
    if (set->crops && !write_crop(verifier, &read->photo, set->crops, number, why, why_size)) return 2;
    print_result(read->path, &result, ms);
    return result.accepted ? 0 : 1;
}

/* reads: two, of which the first is being read. */
static int verify(const facedge *verifier, reading *reads, const settings *set, char *why, size_t why_size) {
    int worst = 0;
    for (int k = 0; k < set->count && worst < 2; k++) {
        reading *now = &reads[k % 2];
        if (!end_reading(now, why, why_size)) return 2;
        begin_reading(&reads[(k + 1) % 2], set, k + 1);
        int code = verify_photo(verifier, now, k, set, why, why_size);
        worst = code > worst ? code : worst;
        free(now->pixels);
    }
    return worst;
}

static void print_enrolled(const char *path, const facedge_enrolled *enrolled) {
    fputs("{\"bundle\": ", stdout);
    print_text(path);
    printf(", \"threshold\": %.17g, \"samples\": %lld, \"far_target\": %g, \"far_low95\": %.8g, \"far_upper95\": %.8g, "
           "\"frr_of_cohort\": %.8g, \"condition\": ", enrolled->threshold, (long long)enrolled->samples, enrolled->far_target,
           enrolled->far_low95, enrolled->far_upper95, enrolled->frr);
    print_text(enrolled->condition);
}

static void print_warnings(const facedge_enrolled *enrolled) {
    if (enrolled->near_others)
        fputs("warning: this template is more alike to people in general than those of the cohort, so others may be accepted more often than "
              "the FAR asked for: add photos in better light\n", stderr);
    if (enrolled->one_moment)
        fputs("warning: the samples are nearly the same picture, so the FRR holds for this moment only: add photos of other days and light\n",
              stderr);
}

static int add_file(facedge_enrollment *person, const char *path, const settings *set, char *why, size_t why_size) {
    facedge_photo photo;
    facedge_search search = FACEDGE_SEARCH;
    const char *fault = NULL;
    unsigned char *pixels = image_read(path, &photo, why, why_size);
    if (!pixels) return 0;
    search.policy = FACEDGE_ONLY;
    if (set->aligned) search.aligned = 1;
    facedge_status status = facedge_enroll_add(person, &photo, &search, &fault, why, why_size);
    free(pixels);
    if (status == FACEDGE_OK && fault) fprintf(stderr, "left out: %s: %s\n", path, fault);
    return status == FACEDGE_OK;
}

/* A rate above 0 and at most 1, in percent too. */
static int read_rate(const char *text, double *rate) {
    char *end;
    *rate = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0) *rate /= 100, end++;
    return end != text && !*end && *rate > 0 && *rate <= 1;
}

static int enroll(const facedge *base, const settings *set, char *why, size_t why_size) {
    facedge_enroll_options options = FACEDGE_ENROLL_OPTIONS;
    facedge_enrolled enrolled = FACEDGE_ENROLLED;
    facedge_enrollment *person = NULL;
    if (set->far && !read_rate(set->far, &options.far))
        return snprintf(why, why_size, "expected --far above 0 and at most 1, such as 0.001 or 0.1%%, got %s", set->far), 2;
    int good = facedge_enroll_begin(base, &options, &person, why, why_size) == FACEDGE_OK;
    for (int k = 1; good && k < set->count; k++) good = add_file(person, set->photos[k], set, why, why_size);
    good = good && facedge_enroll_save(person, set->photos[0], NULL, set->replace, &enrolled, why, why_size) == FACEDGE_OK;
    if (good) {
        print_enrolled(set->photos[0], &enrolled);
        puts("}");
        print_warnings(&enrolled);
    }
    facedge_enroll_end(person);
    return good ? 0 : 2;
}

/* 0 where an option is unknown or has no value. */
static int read_options(int argc, char **argv, settings *set) {
    for (int k = 2; k < argc; k++) {
        const char **value = strcmp(argv[k], "--crops") == 0 ? &set->crops : strcmp(argv[k], "-b") == 0 ? &set->bundle
                             : strcmp(argv[k], "--far") == 0 ? &set->far : NULL;
        if (value && k + 1 < argc) *value = argv[++k];
        else if (strcmp(argv[k], "--aligned") == 0) set->aligned = 1;
        else if (strcmp(argv[k], "--replace") == 0) set->replace = 1;
        else if (argv[k][0] != '-' || !argv[k][1]) set->photos[set->count++] = argv[k];
        else if (strcmp(argv[k], "--from") != 0) return fprintf(stderr, "facedge: error: %s has no value, or is no option\n", argv[k]), 0;
    }
    return 1;
}

int main(int argc, char **argv) {
    char why[512] = "";
    settings set = {0};
    static reading reads[2];
    facedge *verifier = NULL;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(facedge_version()), 0;
    int enrolls = argc > 1 && strcmp(argv[1], "enroll") == 0, verifies = argc > 1 && strcmp(argv[1], "verify") == 0;
    set.photos = malloc((size_t)argc * sizeof *set.photos);
    if (!set.photos) return 2;
    int known = read_options(argc, argv, &set) && (enrolls || verifies);
    if (!known || !set.bundle || set.count < (enrolls ? 2 : 1)) return free(set.photos), fputs(usage, stderr), 2;
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files ends in a sentence, as a full disk does */
    setenv("ORT_DISABLE_TELEMETRY", "1", 0); /* as facedge_open does, but before there are threads that read the environment */
    if (verifies) begin_reading(&reads[0], &set, 0);
    int code = facedge_open(set.bundle, NULL, &verifier, why, sizeof why) == FACEDGE_OK ? 0 : 2;
    if (code == 0) code = enrolls ? enroll(verifier, &set, why, sizeof why) : verify(verifier, reads, &set, why, sizeof why);
    if (code == 2) fprintf(stderr, "facedge: error: %s\n", why);
    if (fflush(stdout) != 0) code = 2, fputs("facedge: error: the answer cannot be written to standard output\n", stderr);
    _exit(code); /* the system frees memory and threads faster than facedge_close: 4 of 80 ms */
}
