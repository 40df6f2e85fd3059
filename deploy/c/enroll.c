/* Enrolling without training: photos to samples, their template, and the threshold of the bundle's calibration table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"
#include "personal.h"
#include "store.h"
#include "photo_sample.h"

enum { MOST_SAMPLES = 20, MOST_ALLOWED = 1000, FEWEST_REFUSED = 4, OWN_IMPOSTORS = 1000000 };
static const double narrowest_median = -0.25, widest_median = 0.16; /* of the stretch: FORMAT.md section 10 */

struct facedge_enrollment {
    const facedge *base;
    json *table;
    facedge_enroll_options options;
    sample *samples;
    double *stretches;
    int64_t photos, count, stretch_count, room;
    char condition[1024]; /* of the last save: 200 characters of UTF-8 at most */
};

/* Identities from 1,000,000 on are impostors that the user of the base added: the table does not hold for them. */
static facedge_status check_cohort(const bundle *b, char *why, size_t why_size) {
    const bundle_file *cohort = bundle_find(b, "cohort.npy"), *file = bundle_find(b, "cohort_identities.npy");
    npy identities;
    if (!cohort)
        return fail(FACEDGE_BAD_BUNDLE, why, why_size, "the bundle carries no cohort, so no threshold can be justified: export it with --faces");
    if (!file || !npy_parse(file->data, file->size, &identities)) return FACEDGE_OK; /* bundle_read has checked both */
    for (size_t k = 0; k < identities.count; k++) {
        int32_t person;
        memcpy(&person, identities.data + k * sizeof person, sizeof person);
        if (person >= OWN_IMPOSTORS)
            return fail(FACEDGE_BAD_BUNDLE, why, why_size,
                        "the bundle holds impostors of its user's own, for which its calibration.json does not hold: use facedge enroll");
    }
    return FACEDGE_OK;
}

facedge_status facedge_enroll_begin(const facedge *base, const facedge_enroll_options *options, facedge_enrollment **out, char *why,
                                    size_t why_size) {
    static const facedge_enroll_options usual = FACEDGE_ENROLL_OPTIONS;
    if (!options) options = &usual;
    if (!base || !out || options->struct_size < sizeof *options || !(options->far >= 0 && options->far <= 1) || options->samples < 0 ||
        options->samples > MOST_ALLOWED)
        return fail(FACEDGE_BAD_ARGUMENT, why, why_size,
                    "expected an open bundle, and options made by FACEDGE_ENROLL_OPTIONS: far from 0 to 1, 0 to %d samples", MOST_ALLOWED);
    *out = NULL;
    json *table = NULL;
    facedge_status status = check_cohort(&base->bundle, why, why_size);
    if (status == FACEDGE_OK) status = table_read(&base->bundle, &table, why, why_size);
    if (status != FACEDGE_OK) return status;
    facedge_enrollment *e = calloc(1, sizeof *e);
    if (!e) return json_free(table), fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    e->base = base;
    e->table = table;
    e->options = *options;
    if (!e->options.samples) e->options.samples = MOST_SAMPLES;
    *out = e;
    return FACEDGE_OK;
}

void facedge_enroll_end(facedge_enrollment *e) {
    if (!e) return;
    for (int64_t k = 0; k < e->count; k++) sample_free(&e->samples[k]);
    free(e->samples);
    free(e->stretches);
    json_free(e->table);
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
    for (int64_t k = 0; !e->options.frames && k < e->count; k++)
        if (sample_is_copy(s, &e->samples[k], e->base->bundle.embedding_size)) return 1;
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
        status = take_sample(e->base, &j, &s, &found, why, why_size);
    else
        found = search_reasons[fe_search_found(j.search)->reason];
    job_end(&j);
    if (status != FACEDGE_OK) return sample_free(&s), status;
    e->photos++;
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
    int64_t *kept;
    double *mean, *direction, *weight, *fold;
    float *embeddings;
    table_choice choice;
    fitted_person person;
} work;

static void work_free(work *w) {
    free(w->kept);
    free(w->mean);
    free(w->embeddings);
    free(w->choice.points);
}

static int work_begin(const facedge_enrollment *e, work *w) {
    size_t d = (size_t)e->base->bundle.embedding_size;
    memset(w, 0, sizeof *w);
    w->kept = malloc((size_t)e->count * sizeof *w->kept);
    w->mean = malloc(4 * d * sizeof *w->mean);
    w->embeddings = malloc((size_t)e->count * d * sizeof *w->embeddings);
    if (!w->kept || !w->mean || !w->embeddings) return 0;
    w->direction = w->mean + d, w->weight = w->direction + d, w->fold = w->weight + d;
    return 1;
}

static int32_t identity_of(const npy *identities, size_t row) {
    int32_t person = (int32_t)row;
    if (identities->data) memcpy(&person, identities->data + row * sizeof person, sizeof person);
    return person;
}

static int by_identity(const void *one, const void *other) {
    int32_t a = *(const int32_t *)one, b = *(const int32_t *)other;
    return a < b ? -1 : a > b;
}

/* How many images and people of the cohort pass as this person. */
static int count_passed(const facedge_enrollment *e, work *w, double cosine) {
    const bundle_file *file = bundle_find(&e->base->bundle, "cohort.npy"), *named = bundle_find(&e->base->bundle, "cohort_identities.npy");
    npy cohort, identities = {0};
    if (!npy_parse(file->data, file->size, &cohort) || (named && !npy_parse(named->data, named->size, &identities))) return 0;
    size_t d = (size_t)e->base->bundle.embedding_size, rows = cohort.count / d, passed = 0;
    int32_t *people = malloc((rows + 1) * sizeof *people);
    if (!people) return 0;
    for (size_t row = 0; row < rows; row++) {
        double score = 0;
        for (size_t k = 0; k < d; k++) {
            float value;
            memcpy(&value, cohort.data + (row * d + k) * sizeof value, sizeof value);
            score += value * w->direction[k];
        }
        if (score >= cosine) people[passed++] = identity_of(&identities, row);
    }
    qsort(people, passed, sizeof *people, by_identity);
    for (size_t k = 0; k < passed; k++) w->person.passed_identities += k == 0 || people[k] != people[k - 1];
    w->person.passed = (int64_t)passed;
    free(people);
    return 1;
}

static double likeness(const work *w, int64_t count, int64_t size) {
    double sum = 0;
    for (int64_t one = 0; one < count; one++)
        for (int64_t other = 0; other < one; other++)
            for (int64_t k = 0; k < size; k++) sum += (double)w->embeddings[one * size + k] * w->embeddings[other * size + k];
    return count < 2 ? NAN : 2 * sum / (double)(count * (count - 1));
}

static facedge_status refuse_stretched(facedge_enrollment *e, double *stretch, char *why, size_t why_size) {
    *stretch = e->stretch_count >= (e->options.frames ? 1 : 2) ? median_of(e->stretches, e->stretch_count) : 0;
    if (*stretch >= narrowest_median && *stretch <= widest_median) return FACEDGE_OK;
    return fail(FACEDGE_NO_SAMPLES, why, why_size,
                "the pictures seem %s to %.2f of their width, and no FAR holds for such pictures: take photos in their true proportions",
                *stretch < 0 ? "squeezed" : "stretched", exp(*stretch));
}

/* Samples, template and threshold. */
static facedge_status fit(facedge_enrollment *e, work *w, char *why, size_t why_size) {
    static const char nothing_common[] = "the samples have nothing in common: are they all of one person?";
    int64_t d = e->base->bundle.embedding_size;
    if (!e->count)
        return fail(FACEDGE_NO_SAMPLES, why, why_size, "none of %lld photos is good enough to enroll with: add other photos", (long long)e->photos);
    if (!work_begin(e, w)) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    int64_t count = samples_varied(e->samples, e->count, e->options.samples, d, w->kept);
    if (count < 0) return fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
    if (!samples_template(e->samples, w->kept, count, 0, 0, d, w->mean, w->direction))
        return fail(FACEDGE_NO_SAMPLES, why, why_size, nothing_common);
    facedge_status status = table_choose(e->table, count, e->options.far, w->mean, w->direction, &w->choice, why, why_size);
    if (status != FACEDGE_OK) return status;
    double cosine = w->choice.points[w->choice.chosen].cosine;
    int64_t refused = count > 1 ? samples_refused(e->samples, w->kept, count, cosine, d, w->fold) : -1;
    if (count > 1 && refused < 0) return fail(FACEDGE_NO_SAMPLES, why, why_size, nothing_common);
    if (refused >= FEWEST_REFUSED && 2 * refused > count)
        return fail(FACEDGE_NO_SAMPLES, why, why_size,
                    "%lld of %lld photos would be refused when enrolled by the others: bring photos with more light, the whole face from "
                    "the front, of several days", (long long)refused, (long long)count);
    for (int64_t k = 0; k < d; k++) w->weight[k] = w->choice.slope * w->direction[k];
    for (int64_t k = 0; k < count; k++)
        memcpy(w->embeddings + k * d, e->samples[w->kept[k]].embedding, (size_t)d * sizeof *w->embeddings);
    w->person.choice = &w->choice;
    w->person.threshold = (double)(float)table_probability(&w->choice, cosine);
    w->person.weight = w->weight;
    w->person.embeddings = w->embeddings;
    w->person.samples = count;
    w->person.refused = refused;
    w->person.likeness = likeness(w, count, d);
    return count_passed(e, w, cosine) ? FACEDGE_OK : fail(FACEDGE_NO_MEMORY, why, why_size, "out of memory");
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

static void describe_enrolled(facedge_enrollment *e, const work *w, double stretch, facedge_enrolled *out) {
    const table_point *chosen = &w->choice.points[w->choice.chosen];
    out->photos = e->photos;
    out->samples = w->person.samples;
    out->threshold = w->person.threshold;
    out->far_target = chosen->far_target;
    out->far_low95 = chosen->low95;
    out->far_upper95 = chosen->high95;
    out->frr = chosen->frr;
    out->refused_samples = w->person.refused > 0 ? w->person.refused : 0;
    out->stretch = stretch;
    out->condition = NULL;
    if (!w->choice.condition) return;
    strncpy(e->condition, w->choice.condition, sizeof e->condition - 1);
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
    if (status == FACEDGE_OK && enrolled) describe_enrolled(e, &w, stretch, enrolled);
    personal_free(&files);
    work_free(&w);
    return status;
}
