import Meter
import Testing

@testable import MeterServer

struct IdentifierHashTests {
    /// From the reference implementation's `vectors.h` (SipHash-2-4, 128 bits, key 00 01 ... 0f).
    @Test(
        arguments: [
            (
                0,
                [
                    0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7,
                    0x55, 0x02, 0x93,
                ]
            ),
            (
                1,
                [
                    0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b,
                    0x22, 0xfc, 0x45,
                ]
            ),
            (
                2,
                [
                    0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6,
                    0x0a, 0xff, 0xe4,
                ]
            ),
        ] as [(Int, [UInt8])]
    )
    func `it is SipHash-2-4 with 128 bits`(count: Int, expected: [UInt8]) throws {
        let hash = try #require(IdentifierHash(key: (0..<16).map { UInt8($0) }))
        let (high, low) = hash.hash((0..<count).map { UInt8($0) })
        let bytes = [high, low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
        }
        #expect(bytes == expected)
    }

    @Test func `principal, source and id are kept apart`() throws {
        let hash = try #require(IdentifierHash(key: [UInt8](repeating: 7, count: 16)))
        func identity(_ principal: UInt64, _ source: String, _ id: String) -> EventIdentity {
            hash.identity(
                principal: PrincipalID(rawValue: principal),
                source: source,
                id: id,
                content: [1]
            )
        }
        let all = [
            identity(1, "a", "bc"), identity(1, "ab", "c"), identity(2, "a", "bc"),
            identity(1, "a", "bd"),
        ]
        #expect(Set(all).count == all.count)
        #expect(identity(1, "a", "bc") == all[0])
        #expect(IdentifierHash(key: [1, 2, 3]) == nil)
    }
}
