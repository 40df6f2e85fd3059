#include "calibration.h"

#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "npy.h"

enum { MOST_POINTS = 1024, MOST_CONDITIONS = 64, MOST_IMAGES = 1024, MOST_NAME_LENGTH = 200, OWN_IMPOSTORS = 1000000 };
static const double beyond = 1e6;

static int is_number(const json *value, double least, double most) {
    return json_is(value, JSON_NUMBER) && value->number >= least && value->number <= most;
}

static int is_list(const json *value, size_t least, size_t most) {
    return json_is(value, JSON_ARRAY) && value->count >= least && value->count <= most;
}

static int are_numbers(const json *values, size_t count) {
    if (!is_list(values, count, count)) return 0;
    for (const json *value = values->first; value; value = value->next)
        if (!is_number(value, -beyond, beyond)) return 0;
    return 1;
}

static int are_points(const json *points) {
    double last = -1;
    if (!is_list(points, 1, MOST_POINTS)) return 0;
    for (const json *point = points->first; point; point = point->next) {
        if (!exact_keys(point, "far_target threshold far_low95 far_upper95 frr")) return 0;
        for (const json *rate = point->first; rate; rate = rate->next) {
            int cosine = strcmp(rate->key, "threshold") == 0;
            if (!is_number(rate, cosine ? -1 : 0, cosine ? 2 : 1)) return 0;
        }
        double target = json_get(point, "far_target")->number;
        if (target <= last) return 0;
        last = target;
    }
    return 1;
}

/* Whether two checked lists of points have the same targets. */
static int same_targets(const json *points, const json *others) {
    if (points->count != others->count) return 0;
    const json *other = others->first;
    for (const json *point = points->first; point; point = point->next, other = other->next)
        if (json_get(point, "far_target")->number != json_get(other, "far_target")->number) return 0;
    return 1;
}

static int are_rows(const json *rows) {
    double last = 0;
    if (!is_list(rows, 1, MOST_IMAGES)) return 0;
    for (const json *row = rows->first; row; row = row->next) {
        const json *images = json_get(row, "images"), *points = json_get(row, "points");
        if (!exact_keys(row, "images slope shift calibration_error points") || !are_points(points)) return 0;
        if (!is_whole(images, 1, MOST_IMAGES) || images->number <= last) return 0;
        if (!is_number(json_get(row, "slope"), 0, beyond) || !is_number(json_get(row, "shift"), -beyond, beyond)) return 0;
        if (!is_number(json_get(row, "calibration_error"), 0, 1) || !same_targets(points, json_get(rows->first, "points")))
            return 0;
        last = images->number;
    }
    return 1;
}

static int is_condition(const json *condition, const json *rows, size_t size) {
    if (!exact_keys(condition, "name mean direction rows") || !is_text(json_get(condition, "name"), MOST_NAME_LENGTH)) return 0;
    if (!are_numbers(json_get(condition, "mean"), size) || !are_numbers(json_get(condition, "direction"), size)) return 0;
    const json *own = json_get(condition, "rows"), *row = rows->first;
    if (!is_list(own, rows->count, rows->count)) return 0;
    for (const json *one = own->first; one; one = one->next, row = row->next) {
        size_t points = json_get(row, "points")->count;
        if (!exact_keys(one, "images limit above frr") || !is_number(json_get(one, "limit"), -beyond, beyond)) return 0;
        if (!are_numbers(json_get(one, "above"), points) || !are_numbers(json_get(one, "frr"), points)) return 0;
        if (!json_is(json_get(one, "images"), JSON_NUMBER) || json_get(one, "images")->number != json_get(row, "images")->number)
            return 0;
    }
    return 1;
}

/* The key whose value breaks the format; NULL where none does. */
static const char *table_fault(const json *table, size_t size) {
    if (!exact_keys(table, "identities comparisons rows conditions")) return "keys";
    if (!is_whole(json_get(table, "identities"), 1, 1LL << 53)) return "identities";
    if (!is_whole(json_get(table, "comparisons"), 1, 1LL << 53)) return "comparisons";
    const json *rows = json_get(table, "rows"), *conditions = json_get(table, "conditions");
    if (!are_rows(rows)) return "rows";
    if (!is_list(conditions, 0, MOST_CONDITIONS)) return "conditions";
    for (const json *condition = conditions->first; condition; condition = condition->next)
        if (!is_condition(condition, rows, size)) return "conditions";
    return NULL;
}

static facedge_status no_memory(char *why, size_t why_size) { return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory"); }

/* --- the table as numbers, in the order of ext/enrollment.h --- */

static void put(double **to, const json *object, const char *key) { *(*to)++ = json_get(object, key)->number; }

static void put_all(double **to, const json *numbers) {
    for (const json *number = numbers->first; number; number = number->next) *(*to)++ = number->number;
}

static void put_row(double **to, const json *row) {
    put(to, row, "images"), put(to, row, "slope"), put(to, row, "shift"), put(to, row, "calibration_error");
    for (const json *point = json_get(row, "points")->first; point; point = point->next)
        put(to, point, "threshold"), put(to, point, "far_low95"), put(to, point, "far_upper95"), put(to, point, "frr");
}

static void put_condition(double **to, const json *condition) {
    put_all(to, json_get(condition, "mean"));
    put_all(to, json_get(condition, "direction"));
    for (const json *row = json_get(condition, "rows")->first; row; row = row->next) {
        const json *frr = json_get(row, "frr")->first;
        put(to, row, "limit");
        for (const json *above = json_get(row, "above")->first; above; above = above->next, frr = frr->next)
            *(*to)++ = above->number, *(*to)++ = frr->number;
    }
}

static facedge_status read_numbers(calibration *c, int64_t size, char *why, size_t why_size) {
    const json *rows = json_get(c->text, "rows"), *conditions = json_get(c->text, "conditions");
    const json *points = json_get(rows->first, "points");
    c->table = (fe_calibration_table){(int64_t)rows->count, (int64_t)points->count, (int64_t)conditions->count, NULL};
    double *numbers = malloc((size_t)fe_table_numbers(&c->table, size) * sizeof *numbers), *to = numbers;
    if (!numbers) return no_memory(why, why_size);
    for (const json *point = points->first; point; point = point->next) put(&to, point, "far_target");
    for (const json *row = rows->first; row; row = row->next) put_row(&to, row);
    for (const json *one = conditions->first; one; one = one->next) put_condition(&to, one);
    c->table.numbers = numbers;
    json_whole(json_get(c->text, "identities"), &c->identities);
    json_whole(json_get(c->text, "comparisons"), &c->comparisons);
    return FACEDGE_OK;
}

static facedge_status read_table(const bundle *b, calibration *c, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(b, "calibration.json");
    if (!file)
        return fail(FACEDGE_BAD_BUNDLE, why, why_size,
                    "expected calibration.json to enroll with, and the bundle has none: add it with facedge bundle convert --faces");
    c->text = json_parse((const char *)file->data, file->size);
    const char *fault = c->text ? table_fault(c->text, (size_t)b->embedding_size) : "no JSON";
    if (!fault) return read_numbers(c, b->embedding_size, why, why_size);
    return fail(FACEDGE_BAD_BUNDLE, why, why_size,
                "calibration.json lacks a value or holds one that the format does not allow (%s): fetch a clean copy", fault);
}

/* --- the cohort --- */

/* A copy that is aligned: inside of the file the values may lie anywhere. */
static void *copied(const npy *array) {
    size_t bytes = array->count * (size_t)array->bytes;
    void *made = malloc(bytes ? bytes : 1);
    if (made) memcpy(made, array->data, bytes);
    return made;
}

/* bundle_read has checked both arrays. Identities from 1,000,000 on are impostors that the user of the base added. */
static facedge_status read_cohort(const bundle *b, calibration *c, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(b, "cohort.npy"), *named = bundle_find(b, "cohort_identities.npy");
    npy cohort, identities;
    if (!file || !npy_parse(file->data, file->size, &cohort))
        return fail(FACEDGE_BAD_BUNDLE, why, why_size, "the bundle carries no cohort, so no threshold can be justified: export it with --faces");
    c->cohort.rows = (int64_t)cohort.count / b->embedding_size;
    if (!(c->cohort.embeddings = copied(&cohort))) return no_memory(why, why_size);
    if (!named || !npy_parse(named->data, named->size, &identities)) return FACEDGE_OK;
    if (!(c->cohort.identities = copied(&identities))) return no_memory(why, why_size);
    for (int64_t k = 0; k < c->cohort.rows; k++)
        if (c->cohort.identities[k] >= OWN_IMPOSTORS)
            return fail(FACEDGE_BAD_BUNDLE, why, why_size,
                        "the bundle holds impostors of its user's own, for which its calibration.json does not hold: use facedge enroll");
    return FACEDGE_OK;
}

facedge_status calibration_read(const bundle *b, calibration *out, char *why, size_t why_size) {
    memset(out, 0, sizeof *out);
    facedge_status status = read_cohort(b, out, why, why_size);
    return status == FACEDGE_OK ? read_table(b, out, why, why_size) : status;
}

void calibration_free(calibration *c) {
    json_free(c->text);
    free((void *)c->table.numbers); /* made here; the core only reads them */
    free((void *)c->cohort.embeddings);
    free((void *)c->cohort.identities);
}

const char *calibration_condition(const calibration *c, int64_t condition) {
    return condition < 0 ? NULL : json_text(json_get(json_at(json_get(c->text, "conditions"), (size_t)condition), "name"));
}
