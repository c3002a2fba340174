import Meter
import MeterTesting
import Testing

/// Power cuts after every disk call of every short history of the whole engine.
@Suite struct EngineCrashTests {
    /// All histories of up to four operations through append, commit, checkpoint, merge, failed sync and
    /// recovery, split by the first operation so that they run side by side.
    @Test(arguments: EngineHistory.Operation.allCases)
    func `an acknowledged event is counted once after any power cut`(
        first: EngineHistory.Operation
    ) throws {
        let harness = CrashHarness(
            oracle: EngineOracle(), policies: [.nothingKept, .everythingKept, .anything],
            answersMax: 12
        ) { run in try EngineHistory.check(run) }
        var historyCount = 0
        for length in 1...4 {
            var choices = ExhaustiveChoices()
            while choices.next() {
                var operations = [first]
                while operations.count < length {
                    operations.append(choices.pick(EngineHistory.Operation.allCases))
                }
                try run(operations, in: harness)
                historyCount += 1
            }
        }
        print(
            "\(first): \(historyCount) histories, \(harness.crashCount) power cuts, "
                + "\(harness.checkCount) images recovered")
        #expect(historyCount == 1 + 6 + 36 + 216)
        #expect(harness.checkCount > 100)
    }

    private func run(
        _ operations: [EngineHistory.Operation], in harness: CrashHarness<EngineOracle>
    ) throws {
        do {
            try harness.run { run in
                let history = try EngineHistory(run)
                // A frame to begin with, so that every operation has something to work on.
                try history.perform(.ingest)
                for (index, operation) in operations.enumerated() {
                    if index == operations.count - 1, index > 0 { run.skipCrashesSoFar() }
                    try history.perform(operation)
                }
            }
        } catch {
            throw EngineMismatch(description: "\(operations): \(error)")
        }
    }
}
