/* facedge-golden BUNDLE: does this build give the bundle's own golden vectors, in float32 and, where golden.json has
 * outputs for verifier.onnx, in the precision that the manifest names? Exit code 0 yes, 1 no, 2 error. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "facedge.h"
#include "json.h"
#include "npy.h"

static int array_of(const bundle *b, const json *item, const char *key, char type, int bytes, npy *array) {
    const char *name = json_text(json_get(item, key));
    const bundle_file *file = name ? bundle_find(b, name) : NULL;
    return file && npy_parse(file->data, file->size, array) && array->type == type && array->bytes == bytes;
}

/* The largest number, which JSON has, where the host's number is none: no other difference may replace it. */
static double difference(const json *expected, float got) {
    double off = json_is(expected, JSON_NUMBER) ? fabs(expected->number - (double)got) : DBL_MAX;
    return isfinite(off) ? off : DBL_MAX;
}

static double list_difference(const json *expected, const float *got, int64_t count) {
    double worst = 0;
    if (!json_is(expected, JSON_ARRAY) || (int64_t)expected->count != count) return DBL_MAX;
    const json *item = expected->first;
    for (int64_t k = 0; k < count; k++, item = item->next) {
        double off = difference(item, got[k]);
        if (off > worst) worst = off;
    }
    return worst;
}

/* Differing bits of the tensor and the largest difference from `answers`; 0 where the case cannot be run. */
static int run_case(const facedge *f, const bundle *b, const json *item, const json *answers, size_t *bits, double *worst,
                    char *why, size_t n) {
    npy image, tensor;
    int64_t size = facedge_size(f), d = facedge_embedding_size(f), a = facedge_attribute_count(f);
    if (!array_of(b, item, "image", 'u', 1, &image) || !array_of(b, item, "tensor", 'f', 4, &tensor) || image.rank != 3 ||
        image.shape[2] != 3 || tensor.count != (size_t)(size * size))
        return snprintf(why, n, "golden.json has a case that is not whole"), 0;
    float *numbers = malloc((size_t)(size * size + d + a + 1) * sizeof *numbers);
    if (!numbers) return snprintf(why, n, "out of memory"), 0;
    facedge_answer answer = {numbers, numbers + size * size, numbers + size * size + d, numbers + size * size + d + a};
    facedge_image crop = {image.data, image.shape[0], image.shape[1], (ptrdiff_t)image.shape[1] * 3};
    int good = facedge_infer(f, &crop, &answer, why, n) == FACEDGE_OK;
    for (size_t k = 0; good && k < tensor.count; k++)
        *bits += memcmp(tensor.data + 4 * k, answer.tensor + k, 4) != 0;
    if (good) {
        double off[] = {list_difference(json_get(answers, "embedding"), answer.embedding, d),
                        list_difference(json_get(answers, "attributes"), answer.attributes, a),
                        difference(json_get(answers, "probability"), *answer.probability)};
        for (int k = 0; k < 3; k++)
            if (off[k] > *worst) *worst = off[k];
    }
    free(numbers);
    return good;
}

int main(int argc, char **argv) {
    char why[512] = "";
    bundle b = {0};
    facedge *f = NULL, *calibrated = NULL;
    facedge_options options = FACEDGE_OPTIONS;
    options.precision = FACEDGE_FP32;
    if (argc != 2) return fprintf(stderr, "usage: %s BUNDLE\n", argv[0]), 2;
    int code = 2;
    if (bundle_read(argv[1], &b, why, sizeof why) == FACEDGE_OK &&
        facedge_open(argv[1], &options, &f, why, sizeof why) == FACEDGE_OK &&
        facedge_open(argv[1], NULL, &calibrated, why, sizeof why) == FACEDGE_OK) {
        const bundle_file *file = bundle_find(&b, "golden.json");
        json *kit = file ? json_parse((const char *)file->data, file->size) : NULL;
        const json *cases = json_get(kit, "cases"), *tolerance = json_get(kit, "tolerance");
        code = cases && cases->count && json_is(tolerance, JSON_NUMBER) ? 0 : 2;
        if (code) snprintf(why, sizeof why, "the bundle has no golden vectors");
        for (const json *item = code ? NULL : cases->first; item && code < 2; item = item->next) {
            size_t bits = 0;
            double worst = 0;
            const char *name = json_text(json_get(item, "name"));
            const json *verifier = json_get(item, "verifier");
            if (!run_case(f, &b, item, item, &bits, &worst, why, sizeof why) ||
                (verifier && !run_case(calibrated, &b, item, verifier, &bits, &worst, why, sizeof why))) {
                code = 2;
            } else {
                printf("{\"case\": \"%s\", \"tensor_values_off\": %zu, \"outputs_off\": %.3g}\n", name ? name : "", bits, worst);
                if (bits || !(worst <= tolerance->number)) code = 1;
            }
        }
        json_free(kit);
    }
    if (code == 2) fprintf(stderr, "facedge: error: %s\n", why);
    facedge_close(calibrated);
    facedge_close(f);
    bundle_free(&b);
    return code;
}
