#include "personal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "head.h"
#include "sha256.h"

static const char method_of_score[] = "cosine to the mean of the samples, calibrated to a probability on the cohort";
static const char method_of_rates[] =
    "the cohort's people with several photos enrolled in turn, each against the others: the FAR of the method over "
    "pairs of people; 95 % interval by bootstrap over identities";
static const double most_off = 1e-5; /* of the head that was written, from the score that it stands for */

static void add_file(personal *p, const char *name, const unsigned char *data, size_t size) {
    p->files[p->count++] = (bundle_file){(char *)name, (unsigned char *)data, size}; /* only read from here on */
}

static const char *text_of(const facedge *base, const char *key) { return json_text(json_get(base->bundle.manifest, key)); }

/* --- the head --- */

/* Whether the head gives each sample the score that it should: the file may hold another graph around its weights. */
static int is_head_right(const facedge *base, const session *head, const fitted_person *p, char *why, size_t why_size) {
    int64_t d = base->bundle.embedding_size;
    for (int64_t k = 0; k < p->found->samples; k++) {
        float probability = NAN;
        const float *embedding = p->embeddings + k * d;
        double logit = p->found->bias;
        for (int64_t n = 0; n < d; n++) logit += embedding[n] * p->found->weight[n];
        tensor in = {"embedding", (float *)embedding, {1, d}, 2, 0}, out = {"probability", &probability, {1, 1}, 2, 0};
        if (!session_run(base->engine, head, &in, &out, 1, why, why_size)) return 0;
        if (!(fabs(probability - 1 / (1 + exp(-logit))) < most_off)) return 0;
    }
    return 1;
}

static facedge_status make_head(const facedge *base, const fitted_person *p, personal *out, session **head, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(&base->bundle, "head.onnx");
    buffer_bytes(&out->head, file->data, file->size);
    if (out->head.failed) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    int replaced = head_replace(out->head.data, out->head.size, "", p->found->weight, p->found->bias, base->bundle.embedding_size);
    *head = replaced ? session_open(base->engine, out->head.data, out->head.size, 1, why, why_size) : NULL;
    if (!*head || !is_head_right(base, *head, p, why, why_size))
        return fail(FACEDGE_BAD_BUNDLE, why, why_size, "head.onnx is not a facedge head (Gemm, Relu, Gemm, Sigmoid with named weights): export the bundle again");
    add_file(out, "head.onnx", out->head.data, out->head.size);
    return FACEDGE_OK;
}

/* --- verifier.onnx --- */

static void decimal(double number, char text[40]) {
    number_text(number, text);
    if (!strpbrk(text, ".e")) strcat(text, ".0"); /* as Python writes a float */
}

static int is_made_of(const bundle_file *file, const char *backbone_hash) {
    size_t length = 0, floor = 0;
    const char *hash = property_find(file->data, file->size, "facedge.backbone_sha256", &length);
    return hash && length == 64 && memcmp(hash, backbone_hash, 64) == 0 &&
           property_find(file->data, file->size, "facedge.quality_floor", &floor);
}

/* The base's verifier.onnx with the head put in, under FORMAT.md section 4; without it where it does not fit. */
static void make_verifier(const facedge *base, const fitted_person *p, personal *out) {
    const bundle_file *file = bundle_find(&base->bundle, "verifier.onnx");
    const bundle_file *backbone = bundle_find(&base->bundle, base->bundle.int8 ? "backbone.int8.onnx" : "backbone.onnx");
    char backbone_hash[65], head_hash[65], threshold[40], quality[40];
    if (!file || !backbone) return;
    sha256_hex(backbone->data, backbone->size, backbone_hash);
    sha256_hex(out->head.data, out->head.size, head_hash);
    decimal((double)p->found->threshold, threshold);
    decimal(FE_LEAST_CONTRAST, quality);
    buffer names = {0};
    buffer_json(&names, json_get(base->bundle.manifest, "attribute_names"));
    buffer_bytes(&names, "", 1);
    const char *licence = json_text(json_get(json_get(base->bundle.manifest, "data"), "licence"));
    const char *properties[] = {"facedge.attribute_names", names.failed ? "" : (const char *)names.data,
                                "facedge.backbone_sha256", backbone_hash,
                                "facedge.enrolled", "true",
                                "facedge.head_sha256", head_hash,
                                "facedge.licence", licence,
                                "facedge.name", p->name,
                                "facedge.quality_floor", quality,
                                "facedge.spec_digest", text_of(base, "spec_digest"),
                                "facedge.threshold", threshold};
    if (!names.failed && is_made_of(file, backbone_hash) &&
        properties_replace(file->data, file->size, properties, sizeof properties / sizeof *properties / 2, &out->verifier) &&
        head_replace(out->verifier.data, out->verifier.size, "head/", p->found->weight, p->found->bias, base->bundle.embedding_size))
        add_file(out, "verifier.onnx", out->verifier.data, out->verifier.size);
    free(names.data);
}

/* --- arrays and the test kit --- */

static void make_enrolled(const facedge *base, const fitted_person *p, personal *out) {
    char shape[128];
    int64_t d = base->bundle.embedding_size;
    int length = snprintf(shape, sizeof shape, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                          (long long)p->found->samples, (long long)d);
    int padded = (10 + length + 1 + 63) / 64 * 64 - 10; /* NEP 1: the values begin at a multiple of 64 */
    unsigned char begin[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(padded & 255), (unsigned char)(padded >> 8)};
    buffer_bytes(&out->enrolled, begin, sizeof begin);
    buffer_printf(&out->enrolled, "%-*s\n", padded - 1, shape);
    buffer_bytes(&out->enrolled, p->embeddings, (size_t)(p->found->samples * d) * sizeof *p->embeddings);
    add_file(out, "enrolled.npy", out->enrolled.data, out->enrolled.size);
}

/* The head's probability of `embedding`, into the number `probability` beside it; 0 where either is missing. */
static int put_probability(const facedge *base, const session *head, const json *object) {
    const json *embedding = json_get(object, "embedding"), *probability = json_get(object, "probability");
    int64_t d = base->bundle.embedding_size, n = 0;
    if (!json_is(embedding, JSON_ARRAY) || embedding->count != (size_t)d || !json_is(probability, JSON_NUMBER)) return 0;
    float *values = malloc((size_t)d * sizeof *values), found = NAN;
    if (!values) return 0;
    for (const json *value = embedding->first; value; value = value->next) values[n++] = (float)value->number;
    tensor in = {"embedding", values, {1, d}, 2, 0}, out = {"probability", &found, {1, 1}, 2, 0};
    int good = session_run(base->engine, head, &in, &out, 1, NULL, 0) && found >= 0;
    free(values);
    ((json *)probability)->number = found; /* of the tree that make_golden owns */
    return good;
}

/* golden.json with the probabilities of the new head; 0 where the base has none, or none that fits. */
static int make_golden(const facedge *base, const session *head, personal *out) {
    const bundle_file *file = bundle_find(&base->bundle, "golden.json");
    json *kit = file ? json_parse((const char *)file->data, file->size) : NULL;
    const json *cases = json_get(kit, "cases");
    int good = json_is(cases, JSON_ARRAY) && cases->count > 0;
    for (const json *item = good ? cases->first : NULL; good && item; item = item->next) {
        const json *verifier = json_get(item, "verifier");
        good = put_probability(base, head, item) && (verifier ? put_probability(base, head, verifier) : !out->verifier.size);
    }
    if (good) {
        buffer_json(&out->golden, kit);
        buffer_text(&out->golden, "\n");
        add_file(out, "golden.json", out->golden.data, out->golden.size);
    }
    json_free(kit);
    return good;
}

static int is_replaced(const char *name) {
    return strcmp(name, "head.onnx") == 0 || strcmp(name, "verifier.onnx") == 0 || strcmp(name, "enrolled.npy") == 0 ||
           strncmp(name, "golden", 6) == 0;
}

static void keep_files(const facedge *base, personal *out, int golden) {
    for (size_t k = 0; k < base->bundle.count; k++) {
        const bundle_file *file = &base->bundle.files[k];
        int array = strncmp(file->name, "golden_", 7) == 0;
        if (array ? golden : !is_replaced(file->name)) add_file(out, file->name, file->data, file->size);
    }
}

/* --- the manifest --- */

static void put_number(buffer *b, const char *key, double number) {
    char text[32];
    number_text(number, text);
    buffer_printf(b, ", \"%s\": %s", key, isfinite(number) ? text : "null");
}

static void put_calibration(buffer *b, const fitted_person *p) {
    const fe_calibrated *c = &p->found->calibrated;
    const fe_point *chosen = &c->points[c->chosen];
    buffer_text(b, "{\"method\": ");
    buffer_json_text(b, method_of_rates);
    put_number(b, "far_target", chosen->target);
    put_number(b, "far_low95", chosen->low95);
    put_number(b, "far_upper95", chosen->high95);
    put_number(b, "identities", (double)p->calibration->identities);
    put_number(b, "comparisons", (double)p->calibration->comparisons);
    buffer_text(b, ", \"points\": [");
    for (int64_t k = 0; k < p->calibration->table.points; k++) {
        const fe_point *point = &c->points[k];
        char threshold[32];
        number_text((double)fe_probability(c, point->cosine), threshold);
        buffer_printf(b, "%s{\"threshold\": %s", k ? ", " : "", threshold);
        put_number(b, "far_target", point->target);
        put_number(b, "far_low95", point->low95);
        put_number(b, "far_upper95", point->high95);
        put_number(b, "frr", point->frr);
        buffer_text(b, "}");
    }
    buffer_text(b, "]}");
}

/* Python's figures of an enrollment, but for those that are not computed here (facedge.h). */
static void put_enrollment(buffer *b, const fitted_person *p) {
    const fe_enrolled *found = p->found;
    const fe_calibrated *c = &found->calibrated;
    const char *condition = calibration_condition(p->calibration, c->condition);
    buffer_text(b, "{\"method\": ");
    buffer_json_text(b, method_of_score);
    put_number(b, "samples", (double)found->samples);
    put_number(b, "held_out_frr", found->refused < 0 ? NAN : (double)found->refused / (double)found->samples);
    put_number(b, "frr_of_cohort", c->points[c->chosen].frr);
    put_number(b, "cohort_identities_that_pass", (double)found->passed_people);
    put_number(b, "cohort_images_that_pass", (double)found->passed);
    put_number(b, "frr_of_cohort_before_raised", c->frr_before);
    put_number(b, "calibration_error", c->error);
    put_number(b, "sample_likeness", found->likeness);
    put_number(b, "source_percentile", (1 + erf(found->nearness / sqrt(2))) / 2);
    buffer_text(b, ", \"condition\": ");
    if (condition)
        buffer_json_text(b, condition);
    else
        buffer_text(b, "null");
    buffer_text(b, "}");
}

static void put_metrics(buffer *b, const json *metrics, const fitted_person *p) {
    buffer_text(b, "{\"enrollment\": ");
    put_enrollment(b, p);
    for (const json *metric = metrics->first; metric; metric = metric->next) {
        if (strcmp(metric->key, "enrollment") == 0) continue;
        buffer_text(b, ", ");
        buffer_json_text(b, metric->key);
        buffer_text(b, ": ");
        buffer_json(b, metric);
    }
    buffer_text(b, "}");
}

static void put_files(buffer *b, const personal *p) {
    buffer_text(b, "{");
    for (size_t k = 0; k < p->count; k++) {
        char hex[65];
        sha256_hex(p->files[k].data, p->files[k].size, hex);
        buffer_printf(b, "%s\"%s\": {\"sha256\": \"%s\", \"size\": %zu}", k ? ", " : "", p->files[k].name, hex, p->files[k].size);
    }
    buffer_text(b, "}");
}

static void put_value(buffer *b, const json *value, const fitted_person *p, const personal *files) {
    const char *key = value->key;
    char threshold[32];
    if (strcmp(key, "calibration") == 0) put_calibration(b, p);
    else if (strcmp(key, "created") == 0) buffer_text(b, "null");
    else if (strcmp(key, "created_by") == 0) buffer_text(b, "\"libfacedge " FACEDGE_VERSION "\"");
    else if (strcmp(key, "enrolled") == 0) buffer_text(b, "true");
    else if (strcmp(key, "files") == 0) put_files(b, files);
    else if (strcmp(key, "metrics") == 0) put_metrics(b, value, p);
    else if (strcmp(key, "name") == 0) buffer_json_text(b, p->name);
    else if (strcmp(key, "threshold") == 0) number_text((double)p->found->threshold, threshold), buffer_text(b, threshold);
    else buffer_json(b, value);
}

static void make_manifest(const facedge *base, const fitted_person *p, personal *out) {
    buffer *b = &out->manifest;
    char hex[65];
    buffer_text(b, "{\n");
    for (const json *value = base->bundle.manifest->first; value; value = value->next) {
        buffer_text(b, "  ");
        buffer_json_text(b, value->key);
        buffer_text(b, ": ");
        put_value(b, value, p, out);
        buffer_text(b, value->next ? ",\n" : "\n");
    }
    buffer_text(b, "}\n");
    if (b->failed) return;
    sha256_hex(b->data, b->size, hex);
    buffer_printf(&out->seal, "%s  manifest.json\n", hex);
    add_file(out, "manifest.json", b->data, b->size);
    add_file(out, "manifest.sha256", out->seal.data, out->seal.size);
}

facedge_status personal_make(const facedge *base, const fitted_person *person, personal *out, char *why, size_t why_size) {
    enum { OWN_FILES = 6 };
    session *head = NULL;
    memset(out, 0, sizeof *out);
    out->files = calloc(base->bundle.count + OWN_FILES, sizeof *out->files);
    if (!out->files) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_status status = make_head(base, person, out, &head, why, why_size);
    if (status == FACEDGE_OK) {
        make_verifier(base, person, out);
        make_enrolled(base, person, out);
        keep_files(base, out, make_golden(base, head, out));
        make_manifest(base, person, out);
        if (out->verifier.failed || out->enrolled.failed || out->golden.failed || out->manifest.failed || out->seal.failed)
            status = fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    }
    session_close(base->engine, head);
    return status;
}

void personal_free(personal *p) {
    buffer *all[] = {&p->head, &p->verifier, &p->enrolled, &p->golden, &p->manifest, &p->seal};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]->data);
    free(p->files);
    memset(p, 0, sizeof *p);
}
