import Meter
import MeterWire
import Testing

/// The heads of journalled frames, byte by byte.
@Suite struct AdmissionRecordTests {
    /// The bytes up to the times, of a frame of three events of which nobody was refused.
    private func head(verdict: [UInt8] = [0, 0], hasTimes: UInt8) -> [UInt8] {
        var bytes: [UInt8] = [Transport.tcp.rawValue] + verdict + [hasTimes]
        for number in [7, 1_000, 3, 4] as [UInt64] { bytes.appendFixed64(number) }
        FrameHeader(
            suite: .hmacSHA256, kind: .events, keyID: KeyID(rawValue: 1),
            source: SourceID(high: 5, low: 6), firstSequence: 8, eventCount: 3,
            payloadByteCount: 9, baseTime: 500, durableThrough: 0
        ).write(to: &bytes)
        return bytes
    }

    private func parsed(_ bytes: [UInt8]) throws -> (record: FrameRecord, payload: [UInt8]) {
        try unsafe bytes.withUnsafeBytes { bytes in
            let (record, payload) = try unsafe FrameRecord.parse(bytes)
            return (record, unsafe Array(payload))
        }
    }

    private func times(_ first: Int64, _ last: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendFixed64(UInt64(bitPattern: first))
        bytes.appendFixed64(UInt64(bitPattern: last))
        return bytes
    }

    @Test func `a record says when its events happened, and comes back as it was`() throws {
        let bytes = head(hasTimes: 1) + times(-5, 600)
        let (record, payload) = try parsed(bytes + [1, 2, 3])
        #expect(record.times == -5...600)
        #expect(record.verdict == .accepted)
        #expect(record.header.eventCount == 3)
        #expect(payload == [1, 2, 3])
        var written: [UInt8] = []
        record.write(to: &written)
        #expect(written == bytes)
    }

    @Test func `the times stand before what was refused`() throws {
        let bytes = head(verdict: [2, 0], hasTimes: 1) + times(1, 2) + [0, 0, 0, 1, 0, 0, 0, 2, 1]
        let (record, payload) = try parsed(bytes + [9])
        #expect(record.times == 1...2)
        guard case .partly(let refusals) = record.verdict else {
            Issue.record("the verdict is \(record.verdict)")
            return
        }
        #expect(refusals.map(\.index) == [2])
        #expect(payload == [9])
        var written: [UInt8] = []
        record.write(to: &written)
        #expect(written == bytes)
    }

    @Test func `records of before have no times and are read`() throws {
        let (record, payload) = try parsed(head(hasTimes: 0) + [1, 2, 3])
        #expect(record.times == nil)
        #expect(payload == [1, 2, 3])
    }

    @Test func `times that are cut, in the wrong order or of another form are refused`() {
        #expect(throws: FrameError.self) {
            try parsed(head(hasTimes: 1) + times(1, 2).dropLast())
        }
        #expect(throws: FrameError.rangeInvalid) { try parsed(head(hasTimes: 1) + times(2, 1)) }
        #expect(throws: FrameError.reservedNotZero) {
            try parsed(head(hasTimes: 2) + times(1, 2))
        }
    }
}
