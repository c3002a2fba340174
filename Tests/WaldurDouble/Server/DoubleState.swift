import Synchronization

/// How long calls take, by the double's clock.
struct Latency: Codable, Sendable {
    /// Milliseconds before a call does anything.
    var request: Int?
    /// Further milliseconds for each component that a `set_usage` changes, after the call took its
    /// time stamp and before its effect is seen.
    var changedComponent: Int?

    enum CodingKeys: String, CodingKey {
        case request, changedComponent = "changed_component"
    }
}

/// The model, the clock and the planned disturbances, shared by all requests.
final class DoubleState: Sendable {
    struct Content: Sendable {
        var model = WaldurModel()
        var clock: DoubleClock
        var latency = Latency()
        var faults: [Fault] = []
        /// Seconds after which the background worker comes to what an approval leaves to it; nil: when
        /// it is told to.
        var workerDelay: Int64? = 0
        /// Calls answered so far under `/api/`.
        var calls = 0
        /// Why calls ended in 500, newest last.
        var serverErrors: [String] = []
    }

    private let content: Mutex<Content>

    init(clock: DoubleClock) {
        content = Mutex(Content(clock: clock))
    }

    func with<Value: Sendable, Failure: Error>(
        _ body: (inout Content) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try content.withLock { content throws(Failure) in try body(&content) }
    }

    var now: Moment { with { $0.clock.now() } }

    /// Adds a fixture at the double's present.
    func load(_ fixture: Fixture) throws {
        try with { content in
            content.model = try FixtureLoader.load(
                fixture,
                into: content.model,
                at: content.clock.now()
            )
        }
    }
}
