#define _GNU_SOURCE
#include "CMeter.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#define BATCH_MAX 64

// --- CRC-32C ---

static uint32_t table[8][256];

__attribute__((constructor)) static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82F63B78u & -(crc & 1));
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

static uint32_t crc_software(uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        word ^= crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
              table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^
              table[2][(word >> 40) & 0xff] ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
        bytes += 8;
        count -= 8;
    }
    while (count--) crc = (crc >> 8) ^ table[0][(crc ^ *bytes++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_hardware(uint32_t crc, const uint8_t *bytes,
                                                                size_t count) {
    uint64_t value = ~crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        value = _mm_crc32_u64(value, word);
        bytes += 8;
        count -= 8;
    }
    uint32_t narrow = (uint32_t)value;
    while (count--) narrow = _mm_crc32_u8(narrow, *bytes++);
    return ~narrow;
}
#endif

uint32_t meter_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc_hardware(crc, bytes, count);
#endif
    return crc_software(crc, bytes, count);
}

// --- Datagrams ---

int meter_receive_datagrams(int socket, struct meter_datagram *datagrams, unsigned count) {
    struct mmsghdr messages[BATCH_MAX];
    struct iovec vectors[BATCH_MAX];
    if (count > BATCH_MAX) count = BATCH_MAX;
    memset(messages, 0, sizeof(messages[0]) * count);
    for (unsigned i = 0; i < count; i++) {
        vectors[i].iov_base = datagrams[i].bytes;
        vectors[i].iov_len = datagrams[i].capacity;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &datagrams[i].address;
        messages[i].msg_hdr.msg_namelen = sizeof(datagrams[i].address);
    }
    int received;
    do received = recvmmsg(socket, messages, count, MSG_WAITFORONE, NULL);
    while (received < 0 && errno == EINTR);
    for (int i = 0; i < received; i++) {
        datagrams[i].count = messages[i].msg_len;
        datagrams[i].truncated = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        datagrams[i].address_count = messages[i].msg_hdr.msg_namelen;
    }
    return received;
}

int meter_send_datagrams(int socket, struct meter_datagram *datagrams, unsigned count) {
    struct mmsghdr messages[BATCH_MAX];
    struct iovec vectors[BATCH_MAX];
    if (count > BATCH_MAX) count = BATCH_MAX;
    memset(messages, 0, sizeof(messages[0]) * count);
    for (unsigned i = 0; i < count; i++) {
        vectors[i].iov_base = datagrams[i].bytes;
        vectors[i].iov_len = datagrams[i].count;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        if (datagrams[i].address_count != 0) {
            messages[i].msg_hdr.msg_name = &datagrams[i].address;
            messages[i].msg_hdr.msg_namelen = datagrams[i].address_count;
        }
    }
    int sent;
    do sent = sendmmsg(socket, messages, count, 0);
    while (sent < 0 && errno == EINTR);
    return sent;
}

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

int64_t meter_socket_drops(int socket) {
    uint32_t values[9];
    socklen_t size = sizeof(values);
    if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values, &size) != 0 || size < sizeof(values)) return -1;
    return values[8];
}

int meter_set_receive_buffer(int socket, int byte_count) {
    if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &byte_count, sizeof(byte_count)) != 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &byte_count, sizeof(byte_count));
    int in_force = 0;
    socklen_t size = sizeof(in_force);
    if (getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &in_force, &size) != 0) return -1;
    return in_force;
}

// --- Memory ---

int meter_allowed_processors(void) {
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 0;
}

void *meter_map_zeroed(size_t byte_count) {
    void *memory = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    madvise(memory, byte_count, MADV_HUGEPAGE);
    return memory;
}

void *meter_remap(void *memory, size_t byte_count, size_t new_byte_count) {
    void *moved = mremap(memory, byte_count, new_byte_count, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) return NULL;
    madvise(moved, new_byte_count, MADV_HUGEPAGE);
    return moved;
}

void meter_unmap(void *memory, size_t byte_count) { munmap(memory, byte_count); }
