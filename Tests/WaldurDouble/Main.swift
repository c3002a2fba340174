import ArgumentParser
import Foundation

/// A Waldur for tests and the demo, on loopback.
@main
struct WaldurDoubleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "WaldurDouble",
        abstract: "A Waldur that keeps the real one's billing rules, for tests and the demo.",
        discussion: """
            Answers Waldur's API under /api/ and test controls under /double/, both on 127.0.0.1 \
            only, and prints its address when it listens. Without a clock option it runs on the \
            system's time.
            """
    )

    @Option(help: "The port; 0 takes a free one.")
    var port = 0

    @Option(help: "A file with a fixture in JSON: customers, offerings, plans, resources, users.")
    var fixture: String?

    @Option(help: "The fixture itself, in JSON.")
    var fixtureJSON: String?

    @Option(
        help: "Start at this time (ISO 8601, UTC) and stand still until /double/clock moves on."
    )
    var time: String?

    @Option(help: "Run this many seconds ahead of the system's clock; may be negative.")
    var clockOffsetSeconds: Int64?

    @Option(help: "Take the time from this file: a time, or an offset in seconds such as +86400.")
    var clockFile: String?

    @Option(help: "Write the port to this file once the double listens.")
    var portFile: String?

    func validate() throws {
        if [time != nil, clockOffsetSeconds != nil, clockFile != nil].count(where: { $0 }) > 1 {
            throw ValidationError(
                "--time, --clock-offset-seconds and --clock-file exclude each other."
            )
        }
    }

    func run() async throws {
        let state = DoubleState(clock: try clock())
        if let fixture {
            try load(Data(contentsOf: URL(fileURLWithPath: fixture)), named: fixture, into: state)
        }
        if let fixtureJSON {
            try load(Data(fixtureJSON.utf8), named: "--fixture-json", into: state)
        }
        try await WaldurDoubleServer(state: state).run(port: port) { [portFile] port in
            if let portFile {
                try? Data("\(port)\n".utf8).write(
                    to: URL(fileURLWithPath: portFile),
                    options: .atomic
                )
            }
            // Unbuffered, since a test reads it through a pipe.
            try? FileHandle.standardOutput.write(
                contentsOf: Data("http://127.0.0.1:\(port)\n".utf8)
            )
        }
    }

    private func clock() throws -> DoubleClock {
        if let time {
            guard let moment = Moment(time) else {
                throw ValidationError("--time '\(time)' is not an ISO 8601 time in UTC.")
            }
            return .standing(moment)
        }
        if let clockFile {
            return .file(path: clockFile, last: DoubleClock.system())
        }
        return .offset(micros: (clockOffsetSeconds ?? 0) * Moment.second)
    }

    private func load(_ data: Data, named name: String, into state: DoubleState) throws {
        do {
            try state.load(try JSONDecoder().decode(Fixture.self, from: data))
        } catch {
            throw ValidationError("\(name): \(error)")
        }
    }
}
