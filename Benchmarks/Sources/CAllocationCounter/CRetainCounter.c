#define _GNU_SOURCE
#include "CAllocationCounter.h"

#include <dlfcn.h>

// The runtime's retains, taken by name before its own. Swift calls them so that other registers survive.
#define RETAIN __attribute__((preserve_most))

typedef void *(*Retain)(void *) RETAIN;
typedef void *(*RetainMany)(void *, uint32_t) RETAIN;
typedef void *(*BridgeRetain)(void *);

static __thread uint64_t count;

uint64_t meter_retain_count(void) { return count; }

#define NEXT(type, name)                                     \
    static type next;                                        \
    if (__builtin_expect(next == 0, 0)) {                    \
        next = (type)dlsym(RTLD_NEXT, name);                 \
    }                                                        \
    count++

RETAIN void *swift_retain(void *object) {
    NEXT(Retain, "swift_retain");
    return next(object);
}

RETAIN void *swift_retain_n(void *object, uint32_t number) {
    NEXT(RetainMany, "swift_retain_n");
    return next(object, number);
}

void *swift_bridgeObjectRetain(void *object) {
    NEXT(BridgeRetain, "swift_bridgeObjectRetain");
    return next(object);
}
