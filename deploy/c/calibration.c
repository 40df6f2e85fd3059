#include "calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h"

enum { MOST_CONDITIONS = 64, MOST_IMAGES = 1024, MOST_NAME_LENGTH = 200 };
static const double beyond = 1e6, usual_far = 1e-3;

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

facedge_status table_read(const bundle *b, json **table, char *why, size_t why_size) {
    const bundle_file *file = bundle_find(b, "calibration.json");
    if (!file)
        return fail(FACEDGE_BAD_BUNDLE, why, why_size,
                    "expected calibration.json to enroll with, and the bundle has none: add it with facedge bundle convert --faces");
    *table = json_parse((const char *)file->data, file->size);
    const char *fault = *table ? table_fault(*table, (size_t)b->embedding_size) : "no JSON";
    if (!fault) return FACEDGE_OK;
    json_free(*table);
    *table = NULL;
    return fail(FACEDGE_BAD_BUNDLE, why, why_size,
                "calibration.json lacks a value or holds one that the format does not allow (%s): fetch a clean copy", fault);
}

static double dot_json(const json *numbers, const double *vector) {
    double sum = 0;
    for (const json *number = numbers->first; number; number = number->next) sum += number->number * *vector++;
    return sum;
}

static size_t row_for(const json *rows, int64_t images) {
    size_t found = 0, k = 0;
    for (const json *row = rows->first; row; row = row->next, k++)
        if (json_get(row, "images")->number <= (double)images) found = k;
    return found;
}

/* Raise the points to what each condition that the enrollment shows needs; the interval of the FAR stays. */
static void raise_points(const json *table, size_t row, const double *mean, const double *direction, table_choice *c) {
    for (const json *one = json_get(table, "conditions")->first; one; one = one->next) {
        const json *own = json_at(json_get(one, "rows"), row);
        if (dot_json(json_get(one, "direction"), mean) < json_get(own, "limit")->number) continue;
        double shift = dot_json(json_get(one, "mean"), direction);
        const json *above = json_get(own, "above")->first, *frr = json_get(own, "frr")->first;
        for (size_t k = 0; k < c->count; k++, above = above->next, frr = frr->next) {
            if (shift + above->number <= c->points[k].cosine) continue;
            c->points[k].cosine = shift + above->number;
            c->points[k].frr = frr->number;
            if (k == c->chosen) c->condition = json_text(json_get(one, "name"));
        }
    }
}

/* The place of the point for a FAR; the number of points where the table does not hold it. */
static size_t point_for(const table_choice *c, double far) {
    size_t k = 0;
    while (k < c->count && (far > 0 ? c->points[k].far_target != far : c->points[k].far_target < usual_far)) k++;
    return k;
}

facedge_status table_choose(const json *table, int64_t images, double far, const double *mean, const double *direction,
                            table_choice *c, char *why, size_t why_size) {
    size_t index = row_for(json_get(table, "rows"), images);
    const json *row = json_at(json_get(table, "rows"), index), *points = json_get(row, "points");
    memset(c, 0, sizeof *c);
    if (!(c->points = malloc(points->count * sizeof *c->points))) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    for (const json *p = points->first; p; p = p->next)
        c->points[c->count++] = (table_point){json_get(p, "far_target")->number, json_get(p, "threshold")->number,
                                              json_get(p, "far_low95")->number, json_get(p, "far_upper95")->number,
                                              json_get(p, "frr")->number};
    c->chosen = point_for(c, far);
    if (c->chosen == c->count) {
        fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected a FAR of the bundle's calibration.json (%g to %g), got %g",
             c->points[0].far_target, c->points[c->count - 1].far_target, far);
        free(c->points);
        c->points = NULL;
        return FACEDGE_BAD_ARGUMENT;
    }
    c->slope = json_get(row, "slope")->number;
    c->shift = json_get(row, "shift")->number;
    c->calibration_error = json_get(row, "calibration_error")->number;
    c->frr_before = c->points[c->chosen].frr;
    json_whole(json_get(table, "identities"), &c->identities);
    json_whole(json_get(table, "comparisons"), &c->comparisons);
    raise_points(table, index, mean, direction, c);
    return FACEDGE_OK;
}

double table_probability(const table_choice *c, double cosine) {
    double logit = c->slope * cosine + c->shift;
    return 1 / (1 + exp(-(logit < -80 ? -80 : logit > 80 ? 80 : logit)));
}
