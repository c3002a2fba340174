/// Limits of wire version 1; what goes beyond one is malformed.
package enum WireLimits {
    /// The version byte.
    package static var version: UInt8 { 1 }
    /// Bytes of a frame's fixed header.
    package static var headerByteCount: Int { 64 }
    /// Bytes of a whole frame, header and tag included.
    package static var frameByteCountMax: Int { 1 << 20 }
    /// Events in a frame.
    package static var eventCountMax: Int { 65_535 }
    /// Dictionary entries of a payload, all kinds counted together.
    package static var dictionaryEntryCountMax: Int { 65_535 }
    /// Bytes of a name.
    package static var nameByteCountMax: Int { 255 }
    /// Components of one event.
    package static var shapeComponentCountMax: Int { 64 }
    /// The largest amount, duration and sequence.
    package static var valueMax: UInt64 { UInt64(Int64.max) }
    /// The furthest that an event's time may lie from 1970, either way, where this code writes it: what is
    /// further would leave 64 bits as a difference.
    package static var timeMax: Int64 { 1 << 61 }
    /// Bytes of a datagram unless configured otherwise.
    package static var datagramByteCount: Int { 1_400 }
}
