internal import ArgumentParser
internal import Glibc

/// Data on stdout, talk on stderr.
enum Terminal {
    /// Writes data; a reader that has gone away (`| head`) ends the program quietly.
    static func data(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Writes a data line.
    static func line(_ text: String) { data(text + "\n") }

    /// Writes a line for the person who looks on.
    static func talk(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// How data is written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    /// Columns for people.
    case table
    /// The server's own JSON, one document, for programs; amounts are strings.
    case json
}

/// The option that every verb with data has.
struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .long], help: "How data is written: table or json.")
    var output: OutputFormat = .table
}
