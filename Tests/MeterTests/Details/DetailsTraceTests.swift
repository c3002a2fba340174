import Glibc
import Meter
import MeterTesting
import MeterWire
import Testing

/// Percentiles on production data: 8,819 calls of an LLM service (CC-BY, Splitwise, ISCA 2024).
@Suite struct DetailsTraceTests {
    /// Input and output tokens of each call, in the order of the file; empty where the trace is not here.
    private func trace() -> [(UInt64, UInt64)] {
        let root = #filePath.replacing("Tests/MeterTests/Details/DetailsTraceTests.swift", with: "")
        let path = root + "../shared/data/AzureLLMInferenceTrace_code.csv"
        guard let file = unsafe fopen(path, "r") else {
            print("the trace is not at \(path): percentiles are compared on made-up values only")
            return []
        }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).dropFirst().compactMap { line in
            let fields = line.split(separator: ",")
            guard fields.count == 3, let input = UInt64(fields[1]), let output = UInt64(fields[2])
            else { return nil }
            return (input, output)
        }
    }

    @Test
    func `percentiles of the trace are within the stated error, after any checkpoints and merges`()
        throws
    {
        let calls = trace()
        guard !calls.isEmpty else { return }
        #expect(calls.count == 8_819)
        var options = EngineHarness.options
        options.mergeCountMin = 2
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var makers = (0..<4).map { FrameMaker(source: UInt64($0)) }
        // The trace has no durations: 50 ms and 12 ms for each token that was generated.
        for (number, start) in stride(from: 0, to: calls.count, by: 200).enumerated() {
            let events = calls[start..<min(start + 200, calls.count)].enumerated().map {
                index, call in
                UsageEvent(
                    time: EventWorkload.start.advanced(byMilliseconds: Int64(start + index) * 400),
                    tenant: "acme", agent: "coder",
                    amounts: [
                        ComponentAmount("input_tokens", call.0),
                        ComponentAmount("output_tokens", call.1),
                    ], model: "model-\(index % 3)", user: "user-\(index % 40)",
                    durationMilliseconds: 50 + 12 * call.1)
            }
            #expect(harness.receive(makers[number % 4].frame(events)).disposition == .new)
            if number % 6 == 5 { try harness.checkpoint() }
            if number % 12 == 11 {
                while try harness.engine.mergeNext(at: harness.now) != nil {}
            }
        }
        var query = DetailsQuery.everything
        query.grouping = [.agent]
        let total = try #require(harness.details(query).values.first)
        #expect(total.calls == 8_819)
        #expect(total.amounts["input_tokens"]?.sum == 18_059_974)
        #expect(total.amounts["output_tokens"]?.sum == 245_896)
        compare(total.tokens, with: calls.map { $0.0 + $0.1 }, "tokens")
        compare(total.durations, with: calls.map { 50 + 12 * $0.1 }, "milliseconds")
    }

    private func compare(_ histogram: Histogram, with values: [UInt64], _ unit: String) {
        let sorted = values.sorted()
        #expect(histogram.count == UInt64(sorted.count))
        var worst = 0.0
        for perMille in 1...1_000 {
            let exact = sorted[max((sorted.count * perMille + 999) / 1_000, 1) - 1]
            guard let found = histogram.quantile(perMille: perMille) else { continue }
            let error = abs(Double(found) - Double(exact)) / Double(max(exact, 1))
            worst = max(worst, error)
            #expect(error <= Histogram.relativeErrorMax, "\(perMille): \(found) for \(exact)")
        }
        print("trace, \(unit): every thousandth within \(worst * 100) %, stated 1.5625 %")
    }
}
