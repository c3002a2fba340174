import Foundation
import Testing

@testable import MeterWire

/// The examples of Documentation/Wire.md, made from fixed inputs.
private enum WireVectors {
    static let source = SourceID(high: 0xA0A1_A2A3_A4A5_A6A7, low: 0xA8A9_AAAB_ACAD_AEAF)

    static func key() throws -> WireKey {
        try #require(
            WireKey(id: KeyID(rawValue: 0x0123_4567_89AB_CDEF), secret: (0..<32).map { UInt8($0) })
        )
    }

    static let events = [
        UsageEvent(
            time: Timestamp(milliseconds: 1_760_000_000_000),
            tenant: "acme",
            agent: "support-bot",
            amounts: [
                ComponentAmount("input_tokens", 1_204), ComponentAmount("output_tokens", 300),
                ComponentAmount("agent_calls", 1),
            ],
            model: "m1",
            durationMilliseconds: 850
        ),
        UsageEvent(
            time: Timestamp(milliseconds: 1_759_999_999_750),
            tenant: "acme",
            agent: "billing-bot",
            amounts: [ComponentAmount("agent_calls", 1)],
            access: AccessID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF),
            user: "u-7",
            outcome: .error
        ),
    ]

    static let claim = Claim(
        number: 3,
        recordedCount: 1_005,
        droppedCount: 3,
        totals: [
            Claim.Total(component: "agent_calls", amount: 1_005),
            Claim.Total(component: "input_tokens", amount: 1 << 64),
        ],
        lines: [
            Claim.Line(
                kind: .dropped,
                tenant: "acme",
                component: "agent_calls",
                amount: 3,
                earliest: 1_759_999_990_000,
                latest: 1_759_999_991_000
            ),
            Claim.Line(
                kind: .pending,
                tenant: "acme",
                component: "input_tokens",
                amount: 1_204,
                earliest: 1_760_000_000_000,
                latest: 1_760_000_000_000
            ),
        ],
        givenUp: [950..<960]
    )

    static let acknowledgement = Acknowledgement(
        source: source,
        durableThrough: 1_000,
        claimNumber: 3,
        counters: Acknowledgement.Counters(
            accepted: 985,
            behind: 2,
            duplicate: 4,
            refused: [Acknowledgement.Refused(reason: RefusalReason.tooOld.rawValue, count: 15)]
        ),
        durable: [1_002..<1_010],
        missing: [1_000..<1_002],
        deferred: [1_010..<1_020]
    )

    static let smallestAcknowledgement = Acknowledgement(
        source: source,
        durableThrough: 2,
        archivedThrough: 0,
        isQuarantined: true
    )

    /// Draws the nonce 00 01 ... 0b.
    struct Nonce: RandomNumberGenerator {
        var draws: [UInt64] = [0x0809_0A0B_0000_0000, 0x0001_0203_0405_0607]
        mutating func next() -> UInt64 { draws.popLast() ?? 0 }
    }

    static func payload() -> PayloadEncoder {
        var encoder = PayloadEncoder(byteCountMax: 1_000)
        for event in events { _ = encoder.append(event) }
        return encoder
    }

    static func frame(_ protection: WireProtection) -> [UInt8] {
        var nonce = Nonce()
        return FrameSealer(source: source, protection: protection).seal(
            payload(),
            firstSequence: 1_000,
            durableThrough: 900,
            using: &nonce
        )
    }

    static func claimFrame(_ key: WireKey) -> [UInt8] {
        var nonce = Nonce()
        return FrameSealer(source: source, protection: .signed(key)).seal(
            kind: .claim,
            payload: claim.payload(baseTime: 1_760_000_001_000),
            eventCount: 0,
            firstSequence: 1_002,
            baseTime: 1_760_000_001_000,
            durableThrough: 900,
            using: &nonce
        )
    }

    /// Every example by its name in the document.
    static func all() throws -> [String: [UInt8]] {
        let key = try key()
        return [
            "payload": payload().payload(),
            "frame-suite-0": frame(.none),
            "frame-suite-1": frame(.signed(key)),
            "frame-suite-2": frame(.encrypted(key)),
            "claim-payload": claim.payload(baseTime: 1_760_000_001_000),
            "claim-suite-1": claimFrame(key),
            "acknowledgement-suite-1": acknowledgement.encode(byteCountMax: 1_400, key: key),
            "acknowledgement-small": smallestAcknowledgement.encode(byteCountMax: 100, key: key),
        ]
    }
}

@Suite struct WireVectorTests {
    /// The blocks ` ```hex NAME ` of the document, without spaces and what follows a `;` in a line.
    static func documented() throws -> [String: [UInt8]] {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(
            contentsOf: root.appending(path: "Documentation/Wire.md"),
            encoding: .utf8
        )
        var blocks: [String: [UInt8]] = [:]
        var name: Substring?
        var digits = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```hex ") {
                name = line.dropFirst(7)
                digits = ""
            } else if line.hasPrefix("```"), let ended = name {
                let bytes: [UInt8] = try #require(Hexadecimal.bytes(digits))
                blocks[String(ended)] = bytes
                name = nil
            } else if name != nil {
                let code = line.split(separator: ";", omittingEmptySubsequences: false)[0]
                digits += code.filter { $0 != " " }
            }
        }
        return blocks
    }

    @Test func `the examples of the wire's description are what the code makes`() throws {
        let documented = try Self.documented()
        let made = try WireVectors.all()
        #expect(documented.keys.sorted() == made.keys.sorted())
        for (name, bytes) in made {
            #expect(
                documented[name].map { Hexadecimal.text($0) } == Hexadecimal.text(bytes),
                "the example \(name)"
            )
        }
    }

    @Test func `the examples open to what they were made from`() throws {
        let key = try WireVectors.key()
        let documented = try Self.documented()
        var receiver = Receiver()
        for suite in [TagSuite.crc32c, .hmacSHA256, .aes256GCM] {
            let bytes = try #require(documented["frame-suite-\(suite.rawValue)"])
            let events = try receiver.events(bytes, key: suite == .crc32c ? nil : key)
            #expect(events == WireVectors.events)
        }
        let claim = try #require(documented["claim-payload"])
        let decoded = try unsafe claim.withUnsafeBytes { bytes in
            try unsafe Claim.decode(
                payload: bytes,
                baseTime: 1_760_000_001_000,
                sealedThrough: 1_002
            )
        }
        #expect(decoded == WireVectors.claim)
        let answer = try #require(documented["acknowledgement-suite-1"])
        let opened = try unsafe answer.withUnsafeBytes { bytes in
            try unsafe Acknowledgement.open(bytes, key: key)
        }
        #expect(opened == WireVectors.acknowledgement)
    }

    @Test func `a tag is HMAC-SHA-256 of RFC 4231`() throws {
        // Test case 2 has a key of 4 bytes; ours have 32, which zeros at its end make the same key.
        let secret = Array("Jefe".utf8) + Array(repeating: 0, count: 28)
        let key = try #require(WireKey(id: KeyID(rawValue: 1), secret: secret))
        #expect(
            key.tag(Array("what do ya want for nothing?".utf8)).description
                == "5bdcc146bf60754e6a042426089575c7"
        )
    }
}
