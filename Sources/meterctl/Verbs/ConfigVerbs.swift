internal import ArgumentParser
internal import Foundation

struct ConfigVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "The server's configuration.",
        subcommands: [Show.self, Check.self]
    )

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "What the running server was told.",
            discussion: """
                With --origin also by what: a flag, a variable, a file, or the default. Secrets are not \
                shown. For a server that does not run: MeterServer config show.

                  meterctl config show
                  meterctl config show --origin -o csv > settings.csv
                """
        )
        @Flag(help: "Show where each value came from.")
        var origin = false
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("setting"), .value("value"), .text("unit"), .text("origin"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/config")
            let columns = origin ? Self.columns : Self.columns.dropLast()
            output.show(answer, "settings", columns, nothing: "no settings")
        }
    }

    struct Check: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Checks a server's configuration without starting it.",
            discussion: """
                Everything after `check` is what the server would get; its own program reads it, so both \
                can never disagree. Exits 78 and names the key where something is wrong.

                  meterctl config check --config /etc/meter/meter.yaml
                """
        )
        @Argument(parsing: .allUnrecognized, help: "Flags of MeterServer.")
        var flags: [String] = []

        func perform() async throws(CommandFailure) {
            let program = Self.serverProgram()
            let process = Process()
            process.executableURL = URL(filePath: program)
            process.arguments = ["config", "check"] + flags
            do {
                try process.run()
            } catch {
                throw CommandFailure(
                    .failed,
                    "\(program) cannot be run",
                    next: "put MeterServer beside meterctl, or name it in METER_SERVER_PROGRAM"
                )
            }
            process.waitUntilExit()
            // The server's own words are on stderr already.
            guard process.terminationStatus == 0 else {
                throw CommandFailure(
                    process.terminationStatus == ExitStatus.configuration.rawValue
                        ? .configuration : .failed,
                    "the configuration is not good",
                    next: "see every setting: MeterServer --help"
                )
            }
        }

        /// MeterServer beside this program.
        private static func serverProgram() -> String {
            if let named = ProcessInfo.processInfo.environment["METER_SERVER_PROGRAM"] {
                return named
            }
            let own =
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
                ?? CommandLine.arguments[0]
            return URL(filePath: own).deletingLastPathComponent().appending(path: "MeterServer")
                .path
        }
    }
}
