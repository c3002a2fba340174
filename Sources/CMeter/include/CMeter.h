// What Swift's Glibc module does not show, and two instructions. Nothing here keeps state but the
// choice of CRC implementation, made once.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// CRC-32C (Castagnoli) of `count` bytes, continuing from `crc` (0 to begin).
uint32_t meter_crc32c(uint32_t crc, const void *bytes, size_t count);

/// Asks the processor to fetch the cache line of `address` as near as it can, to be written soon.
static inline void meter_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

/// One datagram of a batch: where its bytes are, how many, and whose address.
struct meter_datagram {
    void *bytes;
    uint32_t capacity;  // receive: room at `bytes`
    uint32_t count;     // receive: bytes that came; send: bytes to send
    uint32_t truncated; // receive: 1 if the datagram was larger than `capacity`
    uint32_t address_count;
    struct sockaddr_storage address;
};

/// Receives up to `count` (at most 64) datagrams with one system call; waits for the first one as long as
/// the socket's receive time-out allows. Returns how many, or -1 with errno.
int meter_receive_datagrams(int socket, struct meter_datagram *datagrams, unsigned count);

/// Sends up to `count` (at most 64) datagrams with one system call. Returns how many went, or -1 with errno.
int meter_send_datagrams(int socket, struct meter_datagram *datagrams, unsigned count);

/// Datagrams of this socket that the kernel dropped for want of buffer space since it was opened, read from
/// SO_MEMINFO; -1 where the kernel does not tell.
int64_t meter_socket_drops(int socket);

/// Sets SO_RCVBUF, past the system's limit where the process may (SO_RCVBUFFORCE). Returns the size in force.
int meter_set_receive_buffer(int socket, int byte_count);

/// Processors that this process may run on, as its affinity mask says; 0 where that is not known.
int meter_allowed_processors(void);

/// Zeroed memory of its own mapping, backed by huge pages where the kernel has them; NULL if there is none.
void *meter_map_zeroed(size_t byte_count);

/// Makes a mapping of `meter_map_zeroed` larger, zeroed beyond what it had; pages move, bytes are not
/// copied. Returns where it is now; NULL if there is no room: then it is where it was.
void *meter_remap(void *memory, size_t byte_count, size_t new_byte_count);

/// Gives back what `meter_map_zeroed` gave.
void meter_unmap(void *memory, size_t byte_count);
