internal import ArgumentParser
internal import MeterWaldur

struct SourcesVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sources",
        abstract: "Emitters: what came, what is missing, what contradicts.",
        subcommands: [List.self, Gaps.self, Conflicts.self, Retire.self],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every source and its state.",
            discussion: """
                  meterctl sources list
                  meterctl sources list -o csv > sources.csv
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/sources")
            output.show(
                answer,
                "sources",
                SourcesVerbs.columns,
                nothing: "nothing was received yet"
            )
        }
    }

    struct Gaps: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Events that were numbered and have not come.",
            discussion: """
                Open gaps may still be filled: the emitter sends again until it is told that its frames \
                are durable, and from its spool after a restart. Given up are those of which the emitter \
                itself says that they will not come. Exits 4 where a gap is neither filled nor accepted.

                  meterctl sources gaps
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("source"), .number("from"), .number("to"), .number("events"), .state("kind"),
            .text("accepted"), .prose("tenants"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/sources/gaps")
            output.show(answer, "gaps", Self.columns, nothing: "no gaps")
            let open = answer.json.list("gaps").count { !$0.isTrue("accepted") }
            guard open == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(open) \(open == 1 ? "gap is" : "gaps are") neither filled nor accepted",
                    next: "start the emitter again so that it sends what it has spooled"
                )
            }
        }
    }

    struct Conflicts: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Sources whose frames contradict each other.",
            discussion: """
                Two frames with the same numbers and other contents are kept as evidence and not \
                counted. Exits 4 where there are any.

                  meterctl sources conflicts
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/sources/conflicts")
            output.show(answer, "conflicts", SourcesVerbs.columns, nothing: "no conflicts")
            let count = answer.json.list("conflicts").count
            guard count == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(count) \(count == 1 ? "source is" : "sources are") in conflict",
                    next: "find out which two processes share a source's state (a cloned machine?)"
                )
            }
        }
    }

    struct Retire: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Says that a source will not come back.",
            discussion: """
                For an emitter that was killed, so that its silence no longer holds `complete through` and \
                statements back. Events that are known to be missing stay missing and must be accepted by \
                name. Refused while the source was heard of within 5 minutes. Should it speak after all, \
                what it says counts, and the retirement is over.

                  meterctl sources retire 08e0af0778aaa82f54068b457f2f2894 \\
                      --reason "host destroyed, INC-311"
                  meterctl sources retire 08e0af07 --reason "host destroyed, INC-311"
                """
        )
        @Argument(help: "The source's id, or so much of its beginning that no other is meant.")
        var source: String
        @Option(help: "Why; kept in the book.")
        var reason: String
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let sources = try await server.call(.get, "/admin/v1/sources").json.list("sources")
            let meant = sources.filter { $0.cell("source").hasPrefix(source) }
            guard let found = meant.first else {
                throw CommandFailure(
                    .failed,
                    "there is no source \(source)",
                    next: "see which there are: meterctl sources list"
                )
            }
            guard meant.count == 1 else {
                throw CommandFailure(
                    .failed,
                    "\(meant.count) sources begin with \(source)",
                    next: "give more of its id: meterctl sources list"
                )
            }
            try confirmation.confirm(
                "Source \(found.cell("source")), last seen \(found.cell("lastSeen")), will be waited for "
                    + "no more."
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/sources/\(found.cell("source"))/retire",
                body: RequestBody.object([
                    ("reason", RequestBody.string(reason)),
                    ("principal", found.cell("principal")),
                ])
            )
            output.show(answer, SourcesVerbs.columns)
        }
    }

    static let columns: [Column] = [
        .text("source"),
        .text("principal") { source in
            let label = source.cell("label")
            return label.isEmpty ? source.cell("principal") : label
        },
        .state("state"), .text("last seen"), .number("accepted"), .number("refused"),
        .number("duplicate"), .number("conflict", "inConflict"), .number("missing"),
        .number("given up"), .text("complete through"),
    ]
}
