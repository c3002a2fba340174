import MeterTesting
import MeterWire
import Testing

@testable import Meter

/// Where sources came from: as text, and over restarts.
@Suite struct PeerAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
        ("::1", "::1"), ("1::", "1::"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:DB8::7", "2001:db8::7"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("::ffff:10.1.4.7", "10.1.4.7"), ("64:ff9b::10.1.4.7", "64:ff9b::a01:407"),
    ])
    func `an address is written as people write it`(text: String, canonical: String) throws {
        let address = try #require(PeerAddress(text))
        #expect(address.description == canonical)
        #expect(PeerAddress(canonical) == address)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.256", "1.2.3.-4", "1.2.3.+4", "0001.2.3.4", ":", ":::", "1:2", "g::",
        "12345::", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "fe80::1%eth0", "+1::",
        "1.2.3.4::", "localhost", "[::1]", "10.0.0.1:7482",
    ])
    func `what is no address is none`(text: String) {
        #expect(PeerAddress(text) == nil)
    }

    @Test func `every address comes back from its text`() throws {
        var seed = Seed(7)
        for _ in 0..<2_000 {
            func half() -> UInt64 {
                // Groups of zeros are what is written otherwise.
                (0..<4).reduce(UInt64(0)) { value, _ in
                    value << 16 | (seed.oneIn(2) ? 0 : UInt64(seed.below(65_536)))
                }
            }
            let address = PeerAddress(high: half(), low: half())
            #expect(PeerAddress(address.description) == address, "\(address)")
        }
    }

    private func state(_ peer: PeerAddress?, quarantined: Bool) -> SourceState {
        var state = SourceState(
            key: SourceKey(principal: PrincipalID(rawValue: 3), source: SourceID(high: 1, low: 2)),
            firstSeen: Timestamp(milliseconds: 1_000)
        )
        state.quarantined = quarantined
        state.peer = peer
        state.received.insert(0..<10)
        return state
    }

    @Test func `a checkpoint keeps it, and one of before is read as ever`() throws {
        let peer = try #require(PeerAddress("2001:db8::7"))
        for quarantined in [false, true] {
            let states = [peer, nil].map { state($0, quarantined: quarantined) }
            var bytes: [UInt8] = []
            for state in states { SourceCoding.encode(state, to: &bytes) }
            let read = try SourceCoding.decode(bytes)
            #expect(read.map(\.peer) == [peer, nil])
            #expect(read.map(\.quarantined) == [quarantined, quarantined])
            var without: [UInt8] = []
            SourceCoding.encode(states[1], to: &without)
            // The flag's byte follows principal and source; without an address it is what it always was.
            #expect(without[24] == (quarantined ? 1 : 0))
            #expect(bytes.count == 2 * without.count + 16)
            without[24] |= 4
            #expect(throws: FrameError.self) { try SourceCoding.decode(without) }
        }
    }
}
