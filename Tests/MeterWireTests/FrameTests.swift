import MeterTesting
import Testing

@testable import MeterWire

@Suite struct FrameTests {
    @Test(arguments: TagSuite.allCases, 0..<20)
    func `a frame gives back the events that were put in`(suite: TagSuite, number: Int) throws {
        var seed = Seed(UInt64(number))
        let protection = WireSamples.protection(suite, &seed)
        let size = seed.pick([400, 1_400, 65_536])
        let (bytes, events, sealer) = WireSamples.frame(protection, byteCountMax: size, &seed)
        #expect(bytes.count <= size)
        #expect(!events.isEmpty)

        var receiver = Receiver()
        let header = try receiver.open(bytes, key: protection.key)
        #expect(header.source == sealer.source)
        #expect(header.firstSequence == 1_000)
        #expect(header.durableThrough == 900)
        #expect(header.eventCount == events.count)
        #expect(header.frameByteCount == bytes.count)
        #expect((0..<events.count).map { receiver.batch.usageEvent(at: $0) } == events)
    }

    @Test func `names that Unicode calls equal stay apart`() throws {
        var encoder = PayloadEncoder(byteCountMax: 1_000)
        for agent in ["\u{e9}", "e\u{301}"] {
            let event = UsageEvent(
                time: Timestamp(milliseconds: 5),
                tenant: "t",
                agent: agent,
                amounts: [ComponentAmount("agent_calls", 1)]
            )
            #expect(encoder.append(event) == .appended)
        }
        let events = try decodePayload(encoder.payload(), eventCount: 2, baseTime: 5)
        #expect(events.map { $0.agent.utf8.count } == [2, 3])
    }

    @Test(arguments: TagSuite.allCases)
    func `every flipped bit is refused`(suite: TagSuite) {
        var seed = Seed(7)
        let protection = WireSamples.protection(suite, &seed)
        let (bytes, _, _) = WireSamples.frame(protection, byteCountMax: 400, &seed)
        var receiver = Receiver()
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(throws: FrameError.self, "byte \(index), bit \(bit)") {
                    _ = try receiver.open(changed, key: protection.key)
                }
                #expect(receiver.batch.eventCount == 0)
            }
        }
    }

    @Test(arguments: TagSuite.allCases)
    func `every cut and every addition is refused`(suite: TagSuite) {
        var seed = Seed(8)
        let protection = WireSamples.protection(suite, &seed)
        let (bytes, _, _) = WireSamples.frame(protection, byteCountMax: 400, &seed)
        var receiver = Receiver()
        for count in 0..<bytes.count {
            #expect(throws: FrameError.self) {
                _ = try receiver.open(Array(bytes.prefix(count)), key: protection.key)
            }
        }
        #expect(throws: FrameError.trailingBytes(1)) {
            _ = try receiver.open(bytes + [0], key: protection.key)
        }
    }

    @Test(arguments: [TagSuite.hmacSHA256, .aes256GCM])
    func `another key with the same id is refused`(suite: TagSuite) {
        var seed = Seed(9)
        let protection = WireSamples.protection(suite, &seed)
        let (bytes, _, _) = WireSamples.frame(protection, &seed)
        let id = protection.key?.id ?? KeyID(rawValue: 0)
        var receiver = Receiver()
        #expect(throws: FrameError.wrongTag) {
            _ = try receiver.open(bytes, key: WireKey.derived(fromMaster: [1], id: id))
        }
        #expect(throws: FrameError.self) {
            _ = try receiver.open(bytes, key: WireSamples.key(&seed))
        }
    }

    @Test
    func `an unauthenticated frame is not taken for an authenticated one, nor the other way round`()
    {
        var seed = Seed(10)
        let key = WireSamples.key(&seed)
        let sealed = WireSamples.frame(.signed(key), &seed).bytes
        var bare = WireSamples.frame(.none, &seed).bytes
        var receiver = Receiver()
        #expect(throws: FrameError.suiteNotAllowed(.hmacSHA256)) {
            _ = try receiver.open(sealed, key: nil)
        }
        var id: [UInt8] = []
        id.appendFixed64(key.id.rawValue)
        bare.replaceSubrange(8..<16, with: id)
        #expect(throws: FrameError.suiteNotAllowed(.crc32c)) {
            _ = try receiver.open(bare, key: key)
        }
    }

    @Test func `the keys of many sources share a small cache`() throws {
        var seed = Seed(11)
        let protection = WireSamples.protection(.aes256GCM, &seed)
        let frames = (0..<20).map { _ in WireSamples.frame(protection, &seed) }
        var receiver = Receiver()
        for _ in 0..<3 {
            for frame in frames {
                #expect(try receiver.events(frame.bytes, key: protection.key) == frame.events)
            }
        }
    }

    @Test func `a key's text form reads back and notices every wrong character`() {
        var seed = Seed(12)
        let key = WireSamples.key(&seed)
        let text = key.text
        #expect(WireKey(text: text).map { $0.isSame(as: key) } == true)
        for index in text.indices {
            var changed = text
            let other: Character = text[index] == "7" ? "8" : "7"
            changed.replaceSubrange(index...index, with: String(other))
            #expect(WireKey(text: changed) == nil)
        }
        #expect(WireKey(text: "") == nil)
        #expect(!"\(key)".contains(text.split(separator: "_")[2]))
    }

    @Test func `what an encoder refuses or has no room for leaves it as it was`() throws {
        var seed = Seed(13)
        var encoder = PayloadEncoder(byteCountMax: 300)
        var events: [UsageEvent] = []
        func defective() -> UsageEvent {
            var event = WireSamples.event(&seed)
            switch seed.below(9) {
            case 0: event.tenant = ""
            case 1: event.agent = String(repeating: "x", count: 256)
            case 2: event.model = "line\nbreak"
            case 3: event.user = "c1 \u{85}"
            case 4: event.amounts = []
            case 5: event.amounts = [ComponentAmount("new", 1), ComponentAmount("new", 2)]
            case 6: event.amounts = [ComponentAmount("huge", 1 << 63)]
            case 7: event.time = Timestamp(milliseconds: .min)
            default: event.durationMilliseconds = .max
            }
            return event
        }
        for _ in 0..<2_000 {
            if seed.oneIn(2) {
                let before = encoder.payload()
                guard case .invalid = encoder.append(defective()) else {
                    if encoder.payload() != before { Issue.record("a defective event was taken") }
                    continue
                }
                #expect(encoder.payload() == before)
                continue
            }
            let event = WireSamples.event(&seed)
            let before = encoder.payload()
            #expect(before.count == encoder.byteCount || encoder.isEmpty)
            switch encoder.append(event) {
            case .appended: events.append(event)
            case .full:
                #expect(encoder.payload() == before)
                let decoded = try decodePayload(
                    before,
                    eventCount: encoder.eventCount,
                    baseTime: encoder.baseTime
                )
                #expect(decoded == events)
                encoder.removeAll()
                events = []
            case .invalid(let defect): Issue.record("\(defect)")
            }
        }
    }
}
