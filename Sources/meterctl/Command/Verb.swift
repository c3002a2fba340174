internal import ArgumentParser

/// A command: its `perform` throws ``CommandFailure``, which becomes lines on stderr and an exit code.
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
