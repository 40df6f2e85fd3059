/* facedge-verify BUNDLE IMAGE.ppm ...: one JSON object a line; exit code 0 accepted (all), 1 not accepted, 2 error. */
#include <stdio.h>
#include <stdlib.h>

#include "facedge.h"
#include "ppm.h"

static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if ((unsigned char)*text < 32 || *text == '"' || *text == '\\')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static int verify_file(const facedge *verifier, const char *path, char *why, size_t why_size) {
    facedge_image image;
    unsigned char *pixels = ppm_read(path, &image, why, why_size);
    if (!pixels) return 2;
    facedge_decision decision;
    facedge_status status = facedge_verify(verifier, &image, &decision, why, why_size);
    free(pixels);
    if (status != FACEDGE_OK) return 2;
    printf("{\"probe\": ");
    print_text(path);
    printf(", \"decision\": \"%s\", \"score\": ", decision.accepted ? "accept" : "reject");
    if (decision.score >= 0)
        printf("%.9g", (double)decision.score);
    else
        printf("null");
    printf(", \"threshold\": %.17g, \"reason\": ", decision.threshold);
    if (decision.reason)
        print_text(decision.reason);
    else
        printf("null");
    puts("}");
    return decision.accepted ? 0 : 1;
}

int main(int argc, char **argv) {
    char why[512] = "";
    facedge *verifier = NULL;
    if (argc < 3) return fprintf(stderr, "usage: %s BUNDLE IMAGE.ppm ...\n", argv[0]), 2;
    int worst = facedge_open(argv[1], NULL, &verifier, why, sizeof why) == FACEDGE_OK ? 0 : 2;
    for (int k = 2; k < argc && worst < 2; k++) {
        int code = verify_file(verifier, argv[k], why, sizeof why);
        worst = code > worst ? code : worst;
    }
    if (worst == 2) fprintf(stderr, "facedge: error: %s\n", why);
    facedge_close(verifier);
    return worst;
}
