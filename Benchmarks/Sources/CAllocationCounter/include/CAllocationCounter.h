#pragma once
#include <stdint.h>

/// Calls of malloc, calloc, realloc and the aligned ones by this thread since it began.
uint64_t meter_allocation_count(void);
