internal import ArgumentParser
internal import Meter
internal import MeterDisk
internal import MeterWaldur
internal import MeterWire

struct BookVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "book",
        abstract: "The decisions: who changed what, when.",
        subcommands: [Tail.self, Head.self]
    )

    struct Tail: Verb {
        static let configuration = CommandConfiguration(
            abstract: "The newest decisions.",
            discussion: """
                With --offline the files are read, and no server is needed. Exits 3 where they are \
                damaged.

                  meterctl book tail
                  meterctl book tail --number 100 -o json
                  meterctl book tail --offline /backup/meter
                """
        )

        @Option(name: .shortAndLong, help: "How many decisions to show, up to 1000.")
        var number = 20
        @Option(
            help: ArgumentHelp("Read this data directory.", valueName: "directory"),
            completion: .directory
        )
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
            let answer = try await server.call(
                .get,
                "/admin/v1/book",
                query: [("last", String(number))]
            )
            output.show(answer, "entries", BookVerbs.columns, nothing: "nothing was decided yet")
        }

        private func read(_ directory: String) throws(CommandFailure) {
            var newest: [BookEntry] = []
            let recovery: BookRecovery
            let disk = try MeterPath(directory).disk
            do throws(DiskError) {
                let progress = try Progress(
                    reading: try disk.list().filter { $0.hasPrefix("book") },
                    of: disk,
                    "reading the book"
                )
                defer { progress.finish() }
                recovery = try Book.read(WatchedDisk(disk, progress)) { entry in
                    newest.append(entry)
                    if newest.count >= 2 * number { newest.removeFirst(newest.count - number) }
                }
            } catch {
                throw CommandFailure(.failed, "the book in \(directory) cannot be read: \(error)")
            }
            // As the server would answer.
            let entries = newest.suffix(number).map { entry in
                RequestBody.object([
                    ("number", RequestBody.string(String(entry.number))),
                    ("time", RequestBody.string(TimeText.text(entry.time))),
                    ("hash", RequestBody.string("\(entry.hash)")), ("entry", entry.json),
                ])
            }
            let text = "{\"entries\":[\(entries.joined(separator: ","))]}"
            let bytes = Array(text.utf8)
            let json = (try? JSONParser.parse(bytes)) ?? .null
            output.show(
                Answer(bytes: bytes, json: json),
                "entries",
                BookVerbs.columns,
                nothing: "nothing was decided yet"
            )
            guard recovery.damage.isEmpty else {
                throw CommandFailure(
                    .damage,
                    "the book in \(directory) is damaged",
                    detail: recovery.damage.map(\.description).joined(separator: "; "),
                    next: "keep the directory as it is, and restore the book from a copy"
                )
            }
        }
    }

    struct Head: Verb {
        static let configuration = CommandConfiguration(
            abstract: "The number and hash of the last decision, signed.",
            discussion: """
                Keep it outside the data directory. Should the end of the book ever be cut off, or the book be \
                written anew, `verify --head` shows it:

                  meterctl book head > head-2026-11.json
                  meterctl verify --head head-2026-11.json --public-key meter.pub \\
                      /var/lib/meter
                """
        )
        @OptionGroup var server: ServerOptions

        func perform() async throws(CommandFailure) {
            let bytes = try await server.document("/admin/v1/book/head", query: [])
            Terminal.data(String(decoding: bytes, as: UTF8.self))
        }
    }

    static let columns: [Column] = [
        .number("no", "number"), .text("time"), .text("author", "entry.author"),
        .text("decision", "entry.decision"),
        .prose("what") { line in
            let members = line["entry"]?.object ?? [:]
            // A hash says nothing to people; `-o json` has it.
            let hidden: Set = ["author", "decision", "secretHash"]
            return members.keys.sorted().filter { !hidden.contains($0) }
                .map { "\($0)=\(members[$0]?.cell ?? "")" }.joined(separator: " ")
        },
    ]
}
