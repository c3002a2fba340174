/// A history that runs on a simulated disk while the harness writes down every state of the disk, and
/// what the oracle demanded at that moment.
///
/// The oracle is a value of the test's own: what must be found again (acknowledged), what may be found
/// (appended), what must never be found (given up). `note` it as soon as the engine has promised: a power
/// cut after the last disk call before `note` is held to it.
package final class CrashRun<Oracle: Hashable & Sendable> {
    package let disk: SimulatedDisk
    package private(set) var oracle: Oracle
    private var oracles: [(change: Int, oracle: Oracle)] = []
    private let firstChange: Int

    package init(_ disk: SimulatedDisk, _ oracle: Oracle) {
        self.disk = disk
        self.oracle = oracle
        firstChange = disk.changeCount
        oracles = [(firstChange, oracle)]
        disk.withState { state in
            state.isRecording = true
            state.recorded = [state.disk]
        }
    }

    package func note(_ change: (inout Oracle) -> Void) {
        change(&oracle)
        oracles.append((disk.changeCount, oracle))
    }

    /// Crash points before this call are not visited: shorter histories have visited them.
    package func skipCrashesSoFar() {
        disk.withState { state in state.recorded = [state.disk] }
        skipped = disk.changeCount - firstChange
    }

    private var skipped = 0

    /// Every state of the disk with what was demanded in it.
    func points() -> [(change: Int, state: DiskState, oracle: Oracle)] {
        let states = disk.withState { state in
            state.isRecording = false
            return state.recorded
        }
        return states.enumerated().map { index, state in
            let change = skipped + index
            let demanded = oracles.last { $0.change <= firstChange + change }?.oracle
            return (change, state, demanded ?? oracle)
        }
    }
}

/// Runs a history, cuts the power after each of its disk calls in every way, and lets a check recover.
///
/// ```swift
/// let harness = CrashHarness(oracle: Ledger()) { run in
///     // open an engine on run.disk and compare what it recovers with run.oracle;
///     // run.note what the recovery has shown: from now on that must stay
/// }
/// try harness.run { run in
///     // open an engine on run.disk, work, and run.note { $0.acknowledged … }
/// }
/// ```
///
/// With `depth` 2 the power is cut also after each disk call of the check itself. The same image with the
/// same demands is checked once.
package final class CrashHarness<Oracle: Hashable & Sendable> {
    package typealias Body = (CrashRun<Oracle>) throws -> Void

    /// Thrown by `run` in place of what the check threw: where the power was cut, and in which way.
    package struct Failure: Error, CustomStringConvertible {
        package let points: [CrashPoint]
        package let cause: any Error

        package var description: String {
            points.map(\.description).joined(separator: ", then ") + ": \(cause)"
        }
    }

    package struct CrashPoint: Sendable, CustomStringConvertible {
        package let change: Int
        package let policy: CrashPolicy
        package let answers: [Int]

        package var description: String { "power cut after change \(change), \(policy) \(answers)" }
    }

    private struct Case: Hashable {
        let image: DiskImage
        let oracle: Oracle
        let depth: Int
    }

    private let initial: Oracle
    private let depth: Int
    private let policies: [CrashPolicy]
    private let answersMax: Int
    private let check: Body
    /// Hashes, not the images: there are many, and a collision costs one check in 2^64.
    private var seen: Set<Int> = []

    /// Images that were recovered from.
    package private(set) var checkCount = 0
    /// Power cuts, with those that led to an image that had been checked.
    package private(set) var crashCount = 0

    /// - Parameter answersMax: ways to keep or lose what is pending that are tried at one point, at most.
    package init(
        oracle: Oracle,
        depth: Int = 1,
        policies: [CrashPolicy] = [.anything],
        answersMax: Int = 4_096,
        check: @escaping Body
    ) {
        initial = oracle
        self.depth = depth
        self.policies = policies
        self.answersMax = answersMax
        self.check = check
    }

    /// Runs one history and every crash of it. What the history itself throws goes through.
    package func run(on image: DiskImage = DiskImage(), _ history: Body) throws {
        let run = CrashRun(SimulatedDisk(image), initial)
        try history(run)
        try crash(run, depth: depth, [])
    }

    private func crash(_ run: CrashRun<Oracle>, depth: Int, _ before: [CrashPoint]) throws {
        for point in run.points() {
            for policy in policies {
                var choices = ExhaustiveChoices()
                while choices.runCount < answersMax, choices.next() {
                    let image = point.state.crashed(policy, &choices)
                    crashCount += 1
                    let next = Case(image: image, oracle: point.oracle, depth: depth)
                    guard seen.insert(next.hashValue).inserted else { continue }
                    let place = CrashPoint(
                        change: point.change,
                        policy: policy,
                        answers: choices.answers
                    )
                    try recover(next, before + [place])
                }
            }
        }
    }

    private func recover(_ crashed: Case, _ points: [CrashPoint]) throws {
        checkCount += 1
        let run = CrashRun(SimulatedDisk(crashed.image), crashed.oracle)
        do {
            try check(run)
        } catch {
            throw Failure(points: points, cause: error)
        }
        if crashed.depth > 1 { try crash(run, depth: crashed.depth - 1, points) }
    }
}
