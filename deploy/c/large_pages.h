/* For a program that answers once and ends. */
#ifndef FACEDGE_LARGE_PAGES_H
#define FACEDGE_LARGE_PAGES_H

/* Take the first 64 MiB of malloc's memory from the system in large pages, and give none back: of the 80 ms of processor time of
 * facedge-c verify, 15 went into 11,000 faults of 4 KiB pages (benchmarks/cold_start.py, perf stat). Before the first large
 * malloc; without effect where the C library or the system has no such thing. */
void use_large_pages(void);

#endif
