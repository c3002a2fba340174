import Foundation

/// Where the double's time comes from.
enum DoubleClock: Sendable {
    /// Stands still until it is set.
    case standing(Moment)
    /// The system's clock plus a fixed number of microseconds. Processes that are started with the
    /// same offset share one clock.
    case offset(micros: Int64)
    /// A file that holds a time, or an offset in seconds with its sign (`+86400`); read anew at
    /// each request, so that a test moves several processes at once. The last good reading counts
    /// while the file cannot be read.
    case file(path: String, last: Moment)

    static func system() -> Moment {
        Moment(micros: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded(.down)))
    }

    mutating func now() -> Moment {
        switch self {
        case .standing(let moment): return moment
        case .offset(let micros): return Moment(micros: Self.system().micros + micros)
        case .file(let path, let last):
            let text = try? String(contentsOfFile: path, encoding: .utf8)
            let moment = text.flatMap { Self.read($0.trimmingWhitespace) } ?? last
            self = .file(path: path, last: moment)
            return moment
        }
    }

    private static func read(_ text: String) -> Moment? {
        if text.hasPrefix("+") || text.hasPrefix("-"), let seconds = Int64(text) {
            return system().advanced(bySeconds: seconds)
        }
        return Moment(text)
    }

    /// Puts the clock to a time, to stand there or to go on from there.
    mutating func set(_ moment: Moment, ticking: Bool) {
        self = ticking ? .offset(micros: moment.micros - Self.system().micros) : .standing(moment)
    }

    /// Moves the clock; one that ticks goes on ticking. A clock file is left alone: it is moved by
    /// whoever writes it.
    mutating func advance(micros: Int64) {
        switch self {
        case .standing(let moment): self = .standing(Moment(micros: moment.micros &+ micros))
        case .offset(let offset): self = .offset(micros: offset &+ micros)
        case .file: break
        }
    }
}
