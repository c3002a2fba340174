internal import ArgumentParser
internal import Meter
internal import MeterWaldur
internal import MeterWire

struct BookVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "book",
        abstract: "The decisions: who changed what, when.",
        subcommands: [Tail.self]
    )

    struct Tail: Verb {
        static let configuration = CommandConfiguration(
            abstract: "The newest decisions.",
            discussion: "With --offline the files are read, and no server is needed."
        )

        @Option(name: .shortAndLong, help: "How many decisions to show, up to 1000.")
        var number = 20
        @Option(help: ArgumentHelp("Read this data directory.", valueName: "directory"))
        var offline: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (1...1_000).contains(number) else {
                throw ValidationError("--number is 1 to 1000.")
            }
        }

        func perform() async throws(CommandFailure) {
            if let offline { return try read(offline) }
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/book", query: [("last", String(number))])
            answer.show(output.output, nothing: "nothing was decided yet") { json in
                var table = Table(">no", "time", "author", "decision", "what")
                for line in json.list("entries") {
                    BookVerbs.add(
                        line.cell("number"),
                        line.cell("time"),
                        line["entry"] ?? .null,
                        to: &table
                    )
                }
                return table
            }
        }

        private func read(_ directory: String) throws(CommandFailure) {
            var table = Table(">no", "time", "author", "decision", "what")
            var newest: [BookEntry] = []
            let recovery: BookRecovery
            do throws(DiskError) {
                let disk = try POSIXDisk(path: directory)
                recovery = try Book.read(disk) { entry in
                    newest.append(entry)
                    if newest.count >= 2 * number { newest.removeFirst(newest.count - number) }
                }
            } catch {
                throw CommandFailure(.failed, "the book in \(directory) cannot be read: \(error)")
            }
            for entry in newest.suffix(number) {
                switch output.output {
                case .json: Terminal.line(entry.json)
                case .table:
                    let json = (try? JSONParser.parse(Array(entry.json.utf8))) ?? .null
                    BookVerbs.add(
                        String(entry.number),
                        TimeText.text(entry.time) ?? "",
                        json,
                        to: &table
                    )
                }
            }
            if output.output == .table { Terminal.data(table.text) }
            guard recovery.damage.isEmpty else {
                for damage in recovery.damage { Terminal.talk(damage.description) }
                throw CommandFailure(.damage, "the book is damaged")
            }
        }
    }

    private static func add(
        _ number: String,
        _ time: String,
        _ entry: JSONValue,
        to table: inout Table
    ) {
        let shown = entry.object ?? [:]
        let rest = shown.keys.sorted().filter { $0 != "author" && $0 != "decision" }
            .map { "\($0)=\(shown[$0]?.cell ?? "")" }
        table.add(
            number,
            time,
            entry.cell("author"),
            entry.cell("decision"),
            rest.joined(separator: " ")
        )
    }
}
