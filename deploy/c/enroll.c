/* Enrolling without training: photos to samples, their template, and the threshold of the bundle's calibration table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "personal.h"
#include "store.h"
#include "photo_sample.h"

enum { MOST_SAMPLES = 20, MOST_ALLOWED = 1000, MOST_NAMED = 5 };
static const double narrowest_median = -0.25, widest_median = 0.16; /* of the stretch: FORMAT.md section 10 */

struct facedge_enrollment {
    const facedge *base;
    calibration calibration;
    facedge_enroll_options options;
    sample *samples;
    double *stretches;
    double *copy_work; /* FE_COPY_WORK; NULL for frames, of which none is a copy */
    int64_t photos, count, stretch_count, room;
    char condition[1024]; /* of the last save: 200 characters of UTF-8 at most */
};

facedge_status facedge_enroll_begin(const facedge *base, const facedge_enroll_options *options, facedge_enrollment **out, char *why,
                                    size_t why_size) {
    static const facedge_enroll_options usual = FACEDGE_ENROLL_OPTIONS;
    if (!options) options = &usual;
    if (!base || !out || options->struct_size < sizeof *options || !(options->far >= 0 && options->far <= 1) || options->samples < 0 ||
        options->samples > MOST_ALLOWED)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size,
                    "expected an open bundle, and options made by FACEDGE_ENROLL_OPTIONS: far from 0 to 1, 0 to %d samples", MOST_ALLOWED);
    *out = NULL;
    facedge_enrollment *e = calloc(1, sizeof *e);
    if (!e) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    facedge_status status = calibration_read(&base->bundle, &e->calibration, why, why_size);
    if (status != FACEDGE_OK) return facedge_enroll_end(e), status;
    e->base = base;
    e->options = *options;
    if (!e->options.frames && !(e->copy_work = malloc(FE_COPY_WORK * sizeof *e->copy_work)))
        return facedge_enroll_end(e), fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    if (!e->options.samples) e->options.samples = MOST_SAMPLES;
    *out = e;
    return FACEDGE_OK;
}

void facedge_enroll_end(facedge_enrollment *e) {
    if (!e) return;
    for (int64_t k = 0; k < e->count; k++) sample_free(&e->samples[k]);
    free(e->samples);
    free(e->stretches);
    free(e->copy_work);
    calibration_free(&e->calibration);
    free(e);
}

/* --- photos --- */

static int make_room(facedge_enrollment *e) {
    if (e->photos < e->room) return 1;
    int64_t room = 2 * e->room + 32;
    sample *samples = realloc(e->samples, (size_t)room * sizeof *samples);
    if (samples) e->samples = samples;
    double *stretches = realloc(e->stretches, (size_t)room * sizeof *stretches);
    if (stretches) e->stretches = stretches;
    if (!samples || !stretches) return 0;
    e->room = room;
    return 1;
}

static int is_copy(const facedge_enrollment *e, const sample *s) {
    for (int64_t k = 0; s->fingerprint && k < e->count; k++)
        if (fe_same_photo(s->fingerprint, e->samples[k].fingerprint, e->copy_work)) return 1;
    return 0;
}

facedge_status facedge_enroll_add(facedge_enrollment *e, const facedge_photo *photo, const facedge_search *search, const char **fault,
                                  char *why, size_t why_size) {
    static const facedge_search one_person = {sizeof(facedge_search), FACEDGE_ONLY, 0.075, 0.6, 1, -1};
    const char *found = NULL;
    if (!e) return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected an enrollment that was begun");
    if (!search) search = &one_person;
    if (!make_room(e)) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    job j;
    facedge_status status = job_begin(e->base, photo, &search, &j, why, why_size);
    if (status != FACEDGE_OK) return status;
    sample s = {0};
    double stretch = j.search ? fe_search_found(j.search)->stretch : NAN;
    if (crop_of(&j).pixels)
        status = take_sample(e->base, &j, e->copy_work, &s, &found, why, why_size);
    else
        found = search_reasons[fe_search_found(j.search)->reason];
    job_end(&j);
    if (status != FACEDGE_OK) return sample_free(&s), status;
    s.photo = ++e->photos;
    if (isfinite(stretch) && (!found || strcmp(found, "distorted") == 0)) e->stretches[e->stretch_count++] = stretch;
    if (!found && is_copy(e, &s)) found = "copy";
    if (found)
        sample_free(&s);
    else
        e->samples[e->count++] = s;
    if (fault) *fault = found;
    return FACEDGE_OK;
}

/* --- the fit --- */

/* What facedge_enroll_save works in. */
typedef struct {
    float *embeddings; /* of every photo, then of the samples */
    double *memory;    /* of the core */
    fe_enrolled found;
    fitted_person person;
} work;

static void work_free(work *w) {
    free(w->embeddings);
    free(w->memory);
}

static facedge_status work_begin(const facedge_enrollment *e, work *w, fe_enroll_asked *asked, char *why, size_t why_size) {
    size_t d = (size_t)e->base->bundle.embedding_size;
    *asked = (fe_enroll_asked){NULL, e->count, (int64_t)d, e->options.samples, e->options.far, e->calibration.table, e->calibration.cohort};
    int64_t doubles = fe_enroll_doubles(asked);
    if (doubles < 0 || (uint64_t)doubles > SIZE_MAX / sizeof(double))
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "%lld photos are more than one enrollment takes: give the best of them", (long long)e->count);
    w->embeddings = malloc((size_t)e->count * d * sizeof *w->embeddings);
    w->memory = malloc((size_t)doubles * sizeof *w->memory);
    if (!w->embeddings || !w->memory) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    for (int64_t k = 0; k < e->count; k++) memcpy(w->embeddings + (size_t)k * d, e->samples[k].embedding, d * sizeof *w->embeddings);
    asked->embeddings = w->embeddings;
    return FACEDGE_OK;
}

/* "photos 2, 5 and 6": those that do not match. Returns how many. */
static int64_t name_mismatched(const facedge_enrollment *e, const fe_enrolled *found, char *text, size_t size) {
    int64_t wrong = 0, named = 0;
    for (int64_t k = 0; k < e->count; k++) wrong += found->mismatched[k];
    int length = snprintf(text, size, wrong == 1 ? "photo" : "photos");
    for (int64_t k = 0; k < e->count && named < MOST_NAMED && length > 0 && (size_t)length < size; k++)
        if (found->mismatched[k]) {
            const char *before = named == 0 ? " " : ++named == wrong ? " and " : ", ";
            named += named == 0;
            length += snprintf(text + length, size - (size_t)length, "%s%lld", before, (long long)e->samples[k].photo);
        }
    if (wrong > named && length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, " and %lld more", (long long)(wrong - named));
    return wrong;
}

static facedge_status refuse_mixed(const facedge_enrollment *e, const fe_enrolled *found, char *why, size_t why_size) {
    char named[160];
    int64_t wrong = name_mismatched(e, found, named, sizeof named);
    if (e->options.frames)
        return fail(FACEDGE_NO_SAMPLES, why, why_size,
                    "the frames are not all of the same person: enroll again with one person before the camera all the time");
    return fail(FACEDGE_NO_SAMPLES, why, why_size, "%s of those added %s not match %s: leave out those of the other person", named,
                wrong == 1 ? "does" : "do", wrong == e->count ? "each other" : "the other photos");
}

static facedge_status refuse_faulty(const facedge_enrollment *e, const fe_enrolled *found, char *why, size_t why_size) {
    const fe_calibration_table *table = &e->calibration.table;
    switch (found->fault) {
    case FE_ENROLLED: return FACEDGE_OK;
    case FE_NOTHING_COMMON:
        return fail(FACEDGE_NO_SAMPLES, why, why_size, "the samples have nothing in common: are they all of one person?");
    case FE_SEVERAL_PEOPLE: return refuse_mixed(e, found, why, why_size);
    case FE_NO_SUCH_FAR:
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected a FAR of the bundle's calibration.json (%g to %g), got %g",
                    table->numbers[0], table->numbers[table->points - 1], e->options.far);
    case FE_MOSTLY_REFUSED: break;
    }
    return fail(FACEDGE_NO_SAMPLES, why, why_size,
                "%lld of %lld photos would be refused when enrolled by the others: bring photos with more light, the whole face from "
                "the front, of several days", (long long)found->refused, (long long)found->samples);
}

/* Samples, template and threshold. */
static facedge_status fit(facedge_enrollment *e, work *w, char *why, size_t why_size) {
    size_t d = (size_t)e->base->bundle.embedding_size;
    fe_enroll_asked asked;
    if (!e->count)
        return fail(FACEDGE_NO_SAMPLES, why, why_size, "none of %lld photos is good enough to enroll with: add other photos", (long long)e->photos);
    facedge_status status = work_begin(e, w, &asked, why, why_size);
    if (status != FACEDGE_OK) return status;
    fe_enroll(&asked, w->memory, &w->found);
    status = refuse_faulty(e, &w->found, why, why_size);
    if (status != FACEDGE_OK) return status;
    for (int64_t k = 0; k < w->found.samples; k++)
        memcpy(w->embeddings + (size_t)k * d, e->samples[w->found.kept[k]].embedding, d * sizeof *w->embeddings);
    w->person = (fitted_person){NULL, &e->calibration, &w->found, w->embeddings};
    return FACEDGE_OK;
}

static facedge_status refuse_stretched(facedge_enrollment *e, double *stretch, char *why, size_t why_size) {
    *stretch = e->stretch_count >= (e->options.frames ? 1 : 2) ? median_of(e->stretches, e->stretch_count) : 0;
    if (*stretch >= narrowest_median && *stretch <= widest_median) return FACEDGE_OK;
    return fail(FACEDGE_NO_SAMPLES, why, why_size,
                "the pictures seem %s to %.2f of their width, and no FAR holds for such pictures: take photos in their true proportions",
                *stretch < 0 ? "squeezed" : "stretched", exp(*stretch));
}

/* --- saving --- */

/* The last part of the path without .facedge, where no name is given; 0 for a name that a manifest may not hold. */
static int name_of(const char *path, const char *given, char name[801]) {
    const char *slash = strrchr(path, '/'), *from = given ? given : slash ? slash + 1 : path;
    size_t length = strlen(from) - (given ? 0 : strlen(".facedge"));
    if (length > 800) return 0;
    memcpy(name, from, length);
    name[length] = 0;
    for (const unsigned char *at = (const unsigned char *)name; *at;) { /* UTF-8, RFC 3629 */
        int more = *at < 0x80 ? 0 : *at >= 0xC2 && *at < 0xE0 ? 1 : *at >= 0xE0 && *at < 0xF0 ? 2 : *at >= 0xF0 && *at < 0xF5 ? 3 : -1;
        unsigned char first = *at, second = more > 0 ? at[1] : 0;
        if (more < 0 || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
            (first == 0xF4 && second > 0x8F))
            return 0;
        for (at++; more > 0; more--, at++)
            if ((*at & 0xC0) != 0x80) return 0;
    }
    return 1;
}

static void describe_enrolled(facedge_enrollment *e, const fe_enrolled *found, double stretch, facedge_enrolled *out) {
    const fe_point *chosen = &found->calibrated.points[found->calibrated.chosen];
    const char *condition = calibration_condition(&e->calibration, found->calibrated.condition);
    out->photos = e->photos;
    out->samples = found->samples;
    out->threshold = (double)found->threshold;
    out->far_target = chosen->target;
    out->far_low95 = chosen->low95;
    out->far_upper95 = chosen->high95;
    out->frr = chosen->frr;
    out->refused_samples = found->refused > 0 ? found->refused : 0;
    out->stretch = stretch;
    out->near_others = found->nearness >= FE_MOST_NEARNESS;
    out->one_moment = found->likeness > FE_MOST_LIKENESS;
    out->condition = NULL;
    if (!condition) return;
    strncpy(e->condition, condition, sizeof e->condition - 1);
    out->condition = e->condition;
}

facedge_status facedge_enroll_save(facedge_enrollment *e, const char *path, const char *name, int replace, facedge_enrolled *enrolled,
                                   char *why, size_t why_size) {
    char called[801];
    work w = {0};
    personal files = {0};
    double stretch = 0;
    if (!e || !path || (enrolled && enrolled->struct_size < sizeof *enrolled))
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected an enrollment, a path NAME.facedge, and a result made by FACEDGE_ENROLLED");
    facedge_status status = store_check(path, replace, why, why_size);
    if (status == FACEDGE_OK && !name_of(path, name, called))
        status = fail(FACEDGE_BAD_ARGUMENT, why, why_size, "expected a name of 1 to 200 characters in UTF-8");
    if (status == FACEDGE_OK) status = refuse_stretched(e, &stretch, why, why_size);
    if (status == FACEDGE_OK) status = fit(e, &w, why, why_size);
    w.person.name = called;
    if (status == FACEDGE_OK) status = personal_make(e->base, &w.person, &files, why, why_size);
    if (status == FACEDGE_OK) status = store_write(path, replace, files.files, files.count, why, why_size);
    if (status == FACEDGE_OK && enrolled) describe_enrolled(e, &w.found, stretch, enrolled);
    personal_free(&files);
    work_free(&w);
    return status;
}
