import Glibc
import Meter
import MeterTesting
import MeterWire
import Testing

/// Files of format version 1 must stay readable for ever.
@Suite struct DetailsFixtureTests {
    /// What the file was written from.
    static let events: [UsageEvent] = (0..<600).map { event($0) }

    private static func event(_ index: Int) -> UsageEvent {
        let time = EventWorkload.start.advanced(byMilliseconds: Int64(index) * 5_777)
        var amounts = [ComponentAmount("agent_calls", 1)]
        if index % 7 != 0 {
            let output = index == 599 ? UInt64(Int64.max) : UInt64(index % 90)
            amounts.append(ComponentAmount("input_tokens", UInt64(index * 977 % 4_001)))
            amounts.append(ComponentAmount("output_tokens", output))
        }
        var event = UsageEvent(
            time: time, tenant: index % 3 == 0 ? "0f6d8d2c" : "7ab1c3d4",
            agent: index % 5 == 0 ? "übersetzer" : "triage", amounts: amounts)
        if index % 11 == 0 {
            event.access = AccessID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        }
        if index % 4 != 0 { event.model = "model-\(index % 4)" }
        if index % 2 != 0 { event.user = "user-\(index % 13)" }
        event.outcome = Outcome(rawValue: UInt8(index % 29 % 4)) ?? .ok
        if index % 6 != 0 { event.durationMilliseconds = UInt64(index * 131) }
        return event
    }

    @Test func `a details file of version 1 is read as it was written`() throws {
        let path = #filePath.replacing(
            "MeterTests/Details/DetailsFixtureTests.swift", with: "Fixtures/details-v1.mt")
        guard let file = unsafe fopen(path, "r") else {
            Issue.record("\(path) is missing")
            return
        }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        let disk = MemoryDisk()
        disk["details-v1.mt"] = Array(bytes[..<count])
        let details = try DetailsFile(SealedFile(anyName: "details-v1.mt", on: disk))
        try details.verify()
        let naive = NaiveDetails(Self.events)
        let (totals, missing) = details.answer(.everything)
        #expect(missing.isEmpty)
        #expect(totals == naive.answer(.everything))
        var random = Seed(1)
        for _ in 0..<20 {
            let query = DetailsQuery.random(&random, about: Self.events)
            #expect(details.answer(query).totals == naive.answer(query))
        }
    }
}
