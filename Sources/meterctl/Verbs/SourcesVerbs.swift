internal import ArgumentParser
internal import MeterWaldur

struct SourcesVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sources",
        abstract: "Emitters: what came, what is missing, what contradicts.",
        subcommands: [List.self, Gaps.self, Conflicts.self],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(abstract: "Every source and its state.")
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/sources")
            answer.show(output.output, nothing: "nothing was received yet") {
                SourcesVerbs.table($0.list("sources"))
            }
        }
    }

    struct Gaps: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Events that were numbered and have not come.",
            discussion: """
                Open gaps may still be filled: the emitter sends again until it is told that its frames \
                are durable, and from its spool after a restart. Given up are those of which the emitter \
                itself says that they will not come. Exits 4 where a gap is neither filled nor accepted.
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/sources/gaps")
            answer.show(output.output, nothing: "no gaps") { json in
                var table = Table(
                    "source",
                    ">from",
                    ">to",
                    ">events",
                    "kind",
                    "accepted",
                    "tenants"
                )
                for gap in json.list("gaps") {
                    table.add(
                        gap.cell("source"),
                        gap.number("from"),
                        gap.number("to"),
                        gap.number("events"),
                        gap.cell("kind"),
                        gap.cell("accepted"),
                        gap.cell("tenants")
                    )
                }
                return table
            }
            let open = answer.json.list("gaps").count { !($0["accepted"]?.isTrue ?? false) }
            guard open == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(open) gaps are neither filled nor accepted",
                    next: "start the emitter again so that it sends what it has spooled"
                )
            }
        }
    }

    struct Conflicts: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Sources whose frames contradict each other.",
            discussion: "Exits 4 where there are any."
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/sources/conflicts")
            let conflicts = answer.json.list("conflicts")
            answer.show(output.output, nothing: "no conflicts") { _ in
                SourcesVerbs.table(conflicts)
            }
            guard conflicts.isEmpty else {
                throw CommandFailure(
                    .precondition,
                    "\(conflicts.count) sources are in conflict",
                    next: "find out which two processes share a source's state (a cloned machine?)"
                )
            }
        }
    }

    static func table(_ sources: [JSONValue]) -> Table {
        var table = Table(
            "source",
            "principal",
            "state",
            "last seen",
            ">accepted",
            ">refused",
            ">duplicate",
            ">conflict",
            ">missing",
            ">given up",
            "complete through"
        )
        for source in sources {
            let label = source.cell("label")
            table.add(
                source.cell("source"),
                label.isEmpty || label == "-" ? source.cell("principal") : label,
                source.cell("state"),
                source.cell("lastSeen"),
                source.number("accepted"),
                source.number("refused"),
                source.number("duplicate"),
                source.number("inConflict"),
                source.number("missing"),
                source.number("givenUp"),
                source.cell("completeThrough")
            )
        }
        return table
    }
}
