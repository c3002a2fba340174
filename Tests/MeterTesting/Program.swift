internal import Foundation

/// One of the package's programs, run as its user runs it.
package struct Program: Sendable {
    package struct Outcome: Sendable {
        package let code: Int32
        package let output: String
        package let errors: String
    }

    package let path: String

    /// The product of this name, which is built into the folder of the test bundle; or any program by its
    /// whole path.
    package init(_ name: String) {
        guard !name.hasPrefix("/") else {
            path = name
            return
        }
        let arguments = CommandLine.arguments
        let bundle = arguments.firstIndex(of: "--test-bundle-path")
            .flatMap { arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil }
        let folders = [
            bundle.map { URL(filePath: $0).deletingLastPathComponent() },
            URL(filePath: arguments.first ?? "").deletingLastPathComponent(),
            URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent(),
            URL(filePath: ".build/debug"),
        ]
        let candidates = folders.compactMap { $0?.appending(path: name).path }
        path =
            candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
            ?? candidates.last ?? name
    }

    /// Variables that a test's programs do not inherit: they would change what is tested.
    package static var cleanEnvironment: [String: String] {
        let names: Set = ["NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"]
        return ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("METER_") && !$0.key.hasPrefix("WALDUR_") && !names.contains($0.key)
        }
    }

    /// Runs it to its end.
    ///
    /// - Parameters:
    ///   - directory: Where it runs; otherwise where the tests do.
    ///   - output: A file that takes its output instead, such as `/dev/full`.
    package func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        in directory: String? = nil,
        output outputPath: String? = nil
    ) throws -> Outcome {
        let scratch = try TemporaryDirectory()
        let files = [outputPath ?? scratch.path + "/output", scratch.path + "/errors"]
        for file in files where !FileManager.default.fileExists(atPath: file) {
            _ = FileManager.default.createFile(atPath: file, contents: nil)
        }
        let process = process(arguments, environment, directory)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: files[0]))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: files[1]))
        try process.run()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus,
            output: outputPath == nil ? try String(contentsOfFile: files[0], encoding: .utf8) : "",
            errors: try String(contentsOfFile: files[1], encoding: .utf8)
        )
    }

    /// Runs it at a terminal of its own, and types.
    ///
    /// - Parameters:
    ///   - columns: How wide the terminal is.
    ///   - typing: What is typed when so much was seen, in this order; `\u{4}` ends the input.
    /// - Returns: All that was seen on the terminal, as output; line ends are LF.
    package func converse(
        _ arguments: [String],
        environment: [String: String] = [:],
        columns: UInt16 = 80,
        typing: [(seen: String, text: String)] = []
    ) throws -> Outcome {
        let terminal = try PseudoTerminal(columns: columns)
        let process = process(arguments, ["TERM": "xterm"].merging(environment) { $1 }, nil)
        let handle = FileHandle(fileDescriptor: terminal.programSide)
        process.standardInput = handle
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        terminal.closeProgramSide()
        var seen = ""
        var pending = typing[...]
        while let more = terminal.read(milliseconds: 20_000) {
            seen += more
            while let next = pending.first, seen.contains(next.seen) {
                terminal.type(next.text)
                pending = pending.dropFirst()
            }
        }
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus,
            output: seen.replacing("\r\n", with: "\n"),
            errors: ""
        )
    }

    private func process(
        _ arguments: [String],
        _ environment: [String: String],
        _ directory: String?
    ) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = Self.cleanEnvironment.merging(environment) { $1 }
        if let directory { process.currentDirectoryURL = URL(filePath: directory) }
        return process
    }
}
