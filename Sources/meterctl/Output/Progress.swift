internal import Synchronization

/// How far long work is: one line on stderr that is written over and over, on a terminal only.
///
/// `verifying ━━━━━━━━━━━━╸━━━━━━━━━━━  52%  1.0 of 1.9 GB  310 MB/s  3 s left`
final class Progress: Sendable {
    /// What is counted.
    enum Unit {
        case bytes
        /// Things with a name, such as calls.
        case things(String)
    }

    private struct State {
        var done: UInt64 = 0
        /// When the line was last written; at first when the work began, since what is over at once needs
        /// no bar.
        var shownAt: Int64
        var isShown = false
    }

    private let label: String
    private let total: UInt64
    private let unit: Unit
    /// nil where nobody looks on: then nothing is written.
    private let screen: Screen?
    private let clock: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void
    private let began: Int64
    private let state: Mutex<State>

    /// Microseconds between two lines.
    private static let pause: Int64 = 100_000

    /// - Parameters:
    ///   - label: What is done: `verifying`.
    ///   - total: When it will be through.
    ///   - clock: Microseconds that never go back.
    init(
        _ label: String,
        total: UInt64,
        _ unit: Unit,
        screen: Screen? = Terminal.talkScreen,
        clock: @escaping @Sendable () -> Int64 = { Clocks.monotonic() },
        write: @escaping @Sendable (String) -> Void = { Terminal.prompt($0) }
    ) {
        self.label = label
        self.total = total
        self.unit = unit
        self.screen = screen
        self.clock = clock
        self.write = write
        began = clock()
        state = Mutex(State(shownAt: began))
    }

    /// So much more is done. Cheap enough to be called for every piece.
    func advance(by more: UInt64) {
        guard screen != nil else { return }
        state.withLock { state in
            state.done += more
            show(&state)
        }
    }

    /// So much is done in all.
    func advance(to done: UInt64) {
        guard screen != nil else { return }
        state.withLock { state in
            state.done = max(state.done, done)
            show(&state)
        }
    }

    /// Takes the line away: what was found is said by other words.
    func finish() {
        state.withLock { state in
            guard state.isShown else { return }
            state.isShown = false
            write("\r\u{1B}[K")
        }
    }

    private func show(_ state: inout State) {
        guard let screen else { return }
        let now = clock()
        guard now - state.shownAt >= Self.pause else { return }
        state.shownAt = now
        state.isShown = true
        let line = Self.line(
            label,
            done: min(state.done, total),
            of: total,
            unit,
            microseconds: now - began,
            on: screen
        )
        write("\r" + line + "\u{1B}[K")
    }

    /// The line; never as wide as the screen, so that no terminal breaks it.
    static func line(
        _ label: String,
        done: UInt64,
        of total: UInt64,
        _ unit: Unit,
        microseconds: Int64,
        on screen: Screen
    ) -> String {
        let share = total == 0 ? 1 : Double(done) / Double(total)
        let seconds = Double(max(1, microseconds)) / 1_000_000
        let rate = UInt64(Double(done) / seconds)
        let percent = "\(Int(share * 100))%"
        var facts = String(repeating: " ", count: 4 - percent.count) + percent
        switch unit {
        case .bytes:
            facts += "  \(Readable.bytes(done)) of \(Readable.bytes(total))"
            facts += "  \(Readable.bytes(rate))/s"
        case .things(let name):
            facts += "  \(Readable.grouped(done)) of \(Readable.grouped(total)) \(name)"
            facts += "  \(Readable.count(rate))/s"
        }
        if share > 0, share < 1 {
            let left = Int64((seconds / share - seconds).rounded(.up))
            facts += "  \(Readable.seconds(left)) left"
        }
        let room = (screen.width ?? 80) - label.count - facts.count - 4
        guard room >= 8 else {
            return String("\(label) \(facts)".prefix((screen.width ?? 80) - 1))
        }
        let width = min(room, 30)
        let filled = Int((share * Double(width)).rounded(.down))
        let bar = String(repeating: "━", count: filled)
        let rest = String(repeating: screen.hasColor ? "━" : "─", count: width - filled)
        return "\(label) " + screen.styled(bar, .good) + screen.styled(rest, .faint) + " " + facts
    }
}
