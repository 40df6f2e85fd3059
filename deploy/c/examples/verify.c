/* From a JPEG to a decision: cc verify.c $(pkg-config --cflags --libs facedge libturbojpeg) */
#include <facedge.h>
#include <stdio.h>
#include <stdlib.h>
#include <turbojpeg.h>

int main(int argc, char **argv) {
    static unsigned char file[1 << 24];
    char why[256];
    int width, height, sampling, space;
    FILE *source = argc == 3 ? fopen(argv[2], "rb") : NULL;
    size_t size = source ? fread(file, 1, sizeof file, source) : 0;
    tjhandle decoder = tjInitDecompress();
    if (tjDecompressHeader3(decoder, file, size, &width, &height, &sampling, &space) != 0)
        return puts("usage: verify NAME.facedge PHOTO.jpg"), 2;
    unsigned char *pixels = malloc((size_t)width * (size_t)height * 3);
    if (!pixels || tjDecompress2(decoder, file, size, pixels, width, 0, height, TJPF_RGB, 0) != 0) return 2;

    facedge *verifier;
    facedge_photo photo = FACEDGE_PHOTO(pixels, height, width, width * 3, FACEDGE_RGB);
    facedge_result result = FACEDGE_RESULT;
    if (facedge_open(argv[1], NULL, &verifier, why, sizeof why) != FACEDGE_OK ||
        facedge_verify_photo(verifier, &photo, NULL, &result, why, sizeof why) != FACEDGE_OK)
        return fprintf(stderr, "%s\n", why), 2;
    printf("%s %.6f %s\n", result.accepted ? "accept" : "reject", result.score, result.reason ? result.reason : "");
    facedge_close(verifier);
    return !result.accepted;
}
