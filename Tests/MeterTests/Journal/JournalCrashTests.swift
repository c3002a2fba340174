import Meter
import MeterTesting
import Testing

/// Power cuts after every disk call of every short history, in every way that the fault model knows.
@Suite struct JournalCrashTests {
    /// Histories of up to four operations, split by the first of them so that they run side by side.
    @Test(arguments: JournalHistory.Operation.allCases)
    func `committed records survive, given up ones never come back`(
        first: JournalHistory.Operation
    ) throws {
        let harness = CrashHarness(oracle: JournalOracle()) { run in
            try JournalHistory.check(run)
        }
        var histories = 0
        for length in 1...4 {
            var choices = ExhaustiveChoices()
            while choices.next() {
                var operations = [first]
                while operations.count < length {
                    operations.append(choices.pick(JournalHistory.Operation.allCases))
                }
                histories += try run(operations, in: harness) ? 1 : 0
            }
        }
        // Only these can begin: the others would do nothing on an empty journal.
        let begin: [JournalHistory.Operation] = [.appendSmall, .appendLarge, .reopen, .finish]
        #expect(begin.contains(first) ? histories > 100 : histories == 0)
        if histories > 0 { #expect(harness.checkCount > 1_000) }
    }

    /// Shorter histories, and a second power cut after every disk call of the recovery.
    @Test func `what a recovery has shown survives a second power cut`() throws {
        let harness = CrashHarness(oracle: JournalOracle(), depth: 2) { run in
            try JournalHistory.check(run)
        }
        var choices = ExhaustiveChoices()
        while choices.next() {
            let operations: [JournalHistory.Operation] = [
                choices.pick([.appendSmall, .appendLarge]),
                choices.pick([.commit, .failSync, .failSyncWritten, .appendSmall]),
                choices.pick(JournalHistory.Operation.allCases),
            ]
            _ = try run(operations, in: harness)
        }
        #expect(harness.checkCount > 2_000)
    }

    /// False if an operation of the history would do nothing.
    private func run(
        _ operations: [JournalHistory.Operation],
        in harness: CrashHarness<JournalOracle>
    ) throws -> Bool {
        var isComplete = true
        do {
            try harness.run { run in
                let history = try JournalHistory(run)
                for (index, operation) in operations.enumerated() {
                    if index == operations.count - 1, index > 0 { run.skipCrashesSoFar() }
                    guard try history.perform(operation) else {
                        isComplete = false
                        run.skipCrashesSoFar()
                        return
                    }
                }
            }
        } catch {
            throw JournalMismatch(description: "\(operations): \(error)")
        }
        return isComplete
    }
}
