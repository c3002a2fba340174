internal import ArgumentParser

/// How meterctl ends; the numbers are part of its interface.
enum ExitStatus: Int32, CaseIterable {
    case done = 0
    case failed = 1
    /// Two things that should be equal are not, as with diff.
    case differences = 2
    /// Damage was found in files.
    case damage = 3
    /// Something must be done or decided first.
    case precondition = 4
    /// The server or Waldur cannot be reached, or it is not known what became of the request.
    case unavailable = 5
    /// The command line is wrong (`EX_USAGE`).
    case usage = 64
    /// A configuration is wrong (`EX_CONFIG`).
    case configuration = 78
    case interrupted = 130
}

/// Why a verb did not do what it was asked: what happened, and what to do next.
struct CommandFailure: Error, CustomStringConvertible {
    let status: ExitStatus
    let message: String
    /// A command or an action; nil where the message says it all.
    let next: String?

    init(_ status: ExitStatus, _ message: String, next: String? = nil) {
        self.status = status
        self.message = message
        self.next = next
    }

    var description: String {
        next.map { "meterctl: \(message)\nnext: \($0)" } ?? "meterctl: \(message)"
    }
}

/// A command: its `perform` throws ``CommandFailure``, which becomes a line on stderr and an exit code.
protocol Verb: AsyncParsableCommand {
    /// Does the work; data goes to stdout, talk to stderr.
    mutating func perform() async throws(CommandFailure)
}

extension Verb {
    mutating func run() async throws {
        do throws(CommandFailure) {
            try await perform()
        } catch {
            Terminal.talk(error.description)
            throw ExitCode(error.status.rawValue)
        }
    }
}
