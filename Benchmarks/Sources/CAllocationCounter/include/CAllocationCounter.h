#pragma once
#include <stdint.h>

/// Calls of malloc, calloc, realloc and the aligned ones by this thread since it began.
uint64_t meter_allocation_count(void);

/// Calls of the Swift runtime that made an object be held once more, by this thread since it began.
uint64_t meter_retain_count(void);
