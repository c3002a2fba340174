import MeterTesting
import Testing

@testable import MeterWire

/// Payloads that an emitter with a valid key could send to do harm.
@Suite struct HostilePayloadTests {
    /// One tenant, agent, component and shape, and what follows.
    static let dictionary: [UInt8] = [1, 1, 0x74, 1, 0, 1, 0x61, 1, 1, 0x63, 0, 0, 0, 1, 1, 0]
    static let event: [UInt8] = [0, 0, 0, 0, 1]

    @Test func `the smallest payload is taken`() throws {
        let events = try decodePayload(Self.dictionary + Self.event, eventCount: 1, baseTime: 9)
        #expect(
            events == [
                UsageEvent(
                    time: Timestamp(milliseconds: 9),
                    tenant: "t",
                    agent: "a",
                    amounts: [ComponentAmount("c", 1)]
                )
            ]
        )
    }

    static let billion: [UInt8] = [0x80, 0x94, 0xEB, 0xDC, 0x03]

    @Test(arguments: [
        ("a billion tenants", billion, 1),
        ("a billion agents", [1, 1, 0x74] + billion, 1),
        ("a billion shapes", [1, 1, 0x74, 1, 0, 1, 0x61, 1, 1, 0x63, 0, 0, 0] + billion, 1),
        ("a shape of a billion", [1, 1, 0x74, 1, 0, 1, 0x61, 1, 1, 0x63, 0, 0, 0, 1] + billion, 1),
        ("a billion accesses", [0, 0, 0] + billion, 1),
        ("a name of a billion", [1] + billion, 1),
        ("more events than bytes", dictionary + event, 65_535),
        ("no events", dictionary, 1),
        ("a byte too much", dictionary + event + [0], 1),
        ("an event too much", dictionary + event + event, 1),
        ("an empty name", [1, 0], 1),
        ("a tenant that is not there", [1, 1, 0x74, 1, 1, 1, 0x61], 1),
        ("an agent that is not there", dictionary + [1, 0, 0, 0, 1], 1),
        ("a shape that is not there", dictionary + [0, 0, 0, 1, 1], 1),
        ("an access that is not there", dictionary + [0, 0, 4, 0, 0, 1], 1),
        ("a model that is not there", dictionary + [0, 0, 8, 0, 0, 1], 1),
        ("a user that is not there", dictionary + [0, 0, 16, 0, 0, 1], 1),
        ("reserved flags", dictionary + [0, 0, 64, 0, 1], 1),
        ("an amount of 2^63", dictionary + [0, 0, 0, 0] + two63, 1),
        ("a duration of 2^63", dictionary + [0, 0, 32, 0] + two63 + [1], 1),
        ("a varint of 11 bytes", dictionary + [0, 0, 0, 0] + eleven, 1),
        ("a varint of 65 bits", dictionary + [0, 0, 0, 0] + bits65, 1),
        ("a varint with a useless byte", dictionary + [0, 0, 0, 0, 0x81, 0], 1),
        ("an empty shape", [1, 1, 0x74, 1, 0, 1, 0x61, 1, 1, 0x63, 0, 0, 0, 1, 0] + event, 1),
        (
            "a component twice",
            [1, 1, 0x74, 1, 0, 1, 0x61, 1, 1, 0x63, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 1], 1
        ),
        ("too many components in a shape", manyComponents(65), 1),
    ])
    func `is refused`(_ what: String, payload: [UInt8], eventCount: Int) {
        #expect(throws: FrameError.self) { try decodePayload(payload, eventCount: eventCount) }
    }

    static let two63: [UInt8] = Array(repeating: 0x80, count: 9) + [1]
    static let eleven: [UInt8] = Array(repeating: 0x80, count: 10) + [1]
    static let bits65: [UInt8] = Array(repeating: 0xFF, count: 9) + [2]

    static func manyComponents(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = [1, 1, 0x74, 1, 0, 1, 0x61, UInt8(count)]
        for index in 0..<count { bytes += [1, UInt8(0x20 + index)] }
        bytes += [0, 0, 0, 1, UInt8(count)]
        bytes += (0..<count).map { UInt8($0) }
        return bytes + [0, 0, 0, 0] + Array(repeating: 1, count: count)
    }

    @Test func `64 components are taken`() throws {
        let events = try decodePayload(Self.manyComponents(64), eventCount: 1)
        #expect(events.first?.amounts.count == 64)
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0x61, 0x80], [0xE2, 0x28, 0xA1], [0x00], [0x1F], [0x7F],
            [0xC2, 0x80], [0xC2, 0x9F], [0xF0, 0x80, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func `is no name`(bytes: [UInt8]) {
        let payload = [1, UInt8(bytes.count)] + bytes + Self.dictionary.dropFirst(3) + Self.event
        #expect(throws: FrameError.self) { try decodePayload(payload, eventCount: 1) }
    }

    @Test func `the rule for names agrees with Swift's decoder`() {
        var seed = Seed(1)
        let leads: [UInt8] = [
            0x61, 0x7E, 0x80, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF4, 0xF5,
            0x9F, 0xA0,
            0x8F, 0x90,
        ]
        for _ in 0..<50_000 {
            let bytes = (0...seed.below(5)).map { _ in seed.pick(leads) }
            let text = String(validating: bytes, as: UTF8.self)
            let isName =
                text.map { text in
                    text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
                } ?? false
            let accepted = unsafe bytes.withUnsafeBytes { bytes in
                do throws(FrameError) { try unsafe NameRule.check(bytes) } catch { return false }
                return true
            }
            #expect(accepted == isName, "\(bytes)")
        }
    }

    @Test func `times that leave 64 bits are refused`() {
        let forward = Self.dictionary + [0] + [2] + [0, 0, 1]
        #expect(throws: FrameError.timeOutOfRange) {
            try decodePayload(forward, eventCount: 1, baseTime: .max)
        }
        let backward = Self.dictionary + [0] + [1] + [0, 0, 1]
        #expect(throws: FrameError.timeOutOfRange) {
            try decodePayload(backward, eventCount: 1, baseTime: .min)
        }
    }

    @Test(arguments: 0..<20)
    func `random changes of a good payload never trap`(number: Int) {
        var seed = Seed(UInt64(number))
        let encoder = {
            var encoder = PayloadEncoder(byteCountMax: 600)
            while encoder.append(WireSamples.event(&seed)) == .appended {}
            return encoder
        }()
        let payload = encoder.payload()
        for _ in 0..<3_000 {
            var changed = payload
            for _ in 0...seed.below(4) {
                changed[seed.below(changed.count)] = UInt8(truncatingIfNeeded: seed.next())
            }
            if seed.oneIn(4) { changed.removeLast(seed.below(changed.count)) }
            _ = try? decodePayload(changed, eventCount: encoder.eventCount, baseTime: .max - 5)
        }
    }

    @Test func `a header says no more than it may`() {
        var seed = Seed(3)
        let bytes = WireSamples.frame(.none, &seed).bytes
        func parse(_ change: (inout [UInt8]) -> Void) throws -> FrameHeader {
            var changed = Array(bytes.prefix(64))
            change(&changed)
            return try unsafe changed.withUnsafeBytes { bytes in
                try unsafe FrameHeader.parse(bytes)
            }
        }
        #expect(throws: FrameError.notAFrame) { try parse { $0[0] = 0x4E } }
        #expect(throws: FrameError.unknownVersion(2)) { try parse { $0[2] = 2 } }
        #expect(throws: FrameError.unknownSuite(3)) { try parse { $0[3] = 3 } }
        #expect(throws: FrameError.unknownKind(0)) { try parse { $0[4] = 0 } }
        #expect(throws: FrameError.reservedNotZero) { try parse { $0[6] = 1 } }
        #expect(throws: FrameError.frameTooLarge(byteCount: 0x7F00_0000 + 68)) {
            try parse { $0.replaceSubrange(44..<48, with: [0x7F, 0, 0, 0]) }
        }
        #expect(throws: FrameError.eventCountOutOfRange(65_536)) {
            try parse { $0.replaceSubrange(40..<44, with: [0, 1, 0, 0]) }
        }
        #expect(throws: FrameError.eventCountOutOfRange(0)) {
            try parse { $0.replaceSubrange(40..<44, with: [0, 0, 0, 0]) }
        }
        #expect(throws: FrameError.self) {
            try parse { $0.replaceSubrange(32..<40, with: Array(repeating: 0xFF, count: 8)) }
        }
        #expect(throws: FrameError.durableBeyondSequence(durable: 1_001, sequence: 1_000)) {
            try parse { $0.replaceSubrange(56..<64, with: [0, 0, 0, 0, 0, 0, 3, 0xE9]) }
        }
    }
}
