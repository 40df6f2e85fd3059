/* The enrollment of ext/enrollment.h for one caller: embeddings, table and cohort go in, the head's weights and the evidence
 * come out. Numbers are 32-bit or double, so that JavaScript needs no BigInt. */
#include <stdlib.h>

#include "enrollment.h"
#include "export.h"

enum { FE_SUMMARY_NUMBERS = 13 };

static fe_enroll_asked asked;
static fe_enrolled enrolled;
static float *views, *cohort;
static int32_t *identities;
static double *table, *memory, summary[FE_SUMMARY_NUMBERS];

/* NULL where a memory of 32-bit addresses has no room. */
static void *room_for(int64_t items, int64_t bytes)
{
    return items >= 0 && items <= INT32_MAX / bytes ? malloc((size_t)(items * bytes)) : NULL;
}

/* Room for one enrollment of an instance; 0 where there is none. */
int FE_EXPORT(enroll_begin)(int count, int size, int most, double far, int rows, int table_rows, int points, int conditions)
{
    asked.count = count, asked.size = size, asked.most = most, asked.far = far;
    asked.table.rows = table_rows, asked.table.points = points, asked.table.conditions = conditions;
    asked.cohort.rows = rows;
    memory = room_for(fe_enroll_doubles(&asked), sizeof *memory);
    if (!memory) return 0;
    asked.embeddings = views = room_for((int64_t)count * size, sizeof *views);
    asked.cohort.embeddings = cohort = room_for((int64_t)rows * size, sizeof *cohort);
    asked.cohort.identities = identities = room_for(rows, sizeof *identities);
    asked.table.numbers = table = room_for(fe_table_numbers(&asked.table, size), sizeof *table);
    return views && cohort && identities && table;
}

/* Where the caller writes the embeddings, the cohort, who is in each of its rows, and the table's numbers. */
float *FE_EXPORT(enroll_views)(void) { return views; }
float *FE_EXPORT(enroll_cohort)(void) { return cohort; }
int32_t *FE_EXPORT(enroll_identities)(void) { return identities; }
double *FE_EXPORT(enroll_table)(void) { return table; }

/* The enrollment's fe_enroll_fault. */
int FE_EXPORT(enroll)(void)
{
    fe_enroll(&asked, memory, &enrolled);
    return (int)enrolled.fault;
}

/* Samples, refused, threshold, shift, calibration error, chosen point, condition, FRR before it, rows and people of
 * the cohort that pass, likeness, and whether the nearness and the likeness call for a warning. */
const double *FE_EXPORT(enrolled_summary)(void)
{
    const fe_calibrated *c = &enrolled.calibrated;
    summary[0] = (double)enrolled.samples, summary[1] = (double)enrolled.refused, summary[2] = enrolled.threshold;
    summary[3] = c->shift, summary[4] = c->error;
    summary[5] = (double)c->chosen, summary[6] = (double)c->condition, summary[7] = c->frr_before;
    summary[8] = (double)enrolled.passed, summary[9] = (double)enrolled.passed_people, summary[10] = enrolled.likeness;
    summary[11] = enrolled.nearness >= FE_MOST_NEARNESS, summary[12] = enrolled.likeness > FE_MOST_LIKENESS;
    return summary;
}

/* Target, cosine, low95, high95 and FRR of each point. */
const double *FE_EXPORT(enrolled_points)(void) { return &enrolled.calibrated.points->target; }
/* The probability of a point's cosine. */
double FE_EXPORT(enrolled_score)(int point)
{
    return (double)fe_probability(&enrolled.calibrated, enrolled.calibrated.points[point].cosine);
}

const double *FE_EXPORT(enrolled_weight)(void) { return enrolled.weight; }
int FE_EXPORT(enrolled_kept)(int k) { return (int)enrolled.kept[k]; }
const uint8_t *FE_EXPORT(enrolled_mismatched)(void) { return enrolled.mismatched; }
