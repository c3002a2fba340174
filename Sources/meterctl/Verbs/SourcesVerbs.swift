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
            abstract: "What of emitters may be missing, and accepting that it is.",
            discussion: """
                Grouped by principal, host (where the source was last heard from) and cause, with how many \
                events are missing at most. Open ones may \
                still come: the emitter sends again until it is told that its frames are durable, and \
                from its spool after a restart. Given up and dropped are those of which the emitter \
                itself says that they will not come; an unclean source never said that it ended, and \
                counts as one. Exits 4 where anything but that is neither filled nor accepted.

                What is accepted no longer keeps a month from being closed; what comes of it all the same \
                is counted once. More than --max-events is refused: it has grown since you looked.

                  meterctl sources gaps
                  meterctl sources gaps --each
                  meterctl sources gaps --accept-gaps 3@10.1.4.7/given-up \\
                      --max-events 45 --reason "host lost, ticket 311"
                """
        )
        @Flag(help: "Every gap instead of groups.")
        var each = false
        @Option(
            help: ArgumentHelp(
                "Accept what a selector of the list means: PRINCIPAL[@HOST][/CAUSE] or SOURCE[/CAUSE].",
                valueName: "selector"
            )
        )
        var acceptGaps: String?
        @Option(help: "How many events are accepted as lost at most.")
        var maxEvents: UInt64?
        @Option(help: "Why; it stands in the book for ever.")
        var reason: String?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let groups: [Column] = [
            .text("selector"), .text("principal", "label"), .text("host").forProgramsOnly,
            .state("cause").forProgramsOnly, .number("sources").forWideScreens, .number("at most"),
            .text("earliest").forWideScreens,
            .prose("tenants") { gap in
                gap.at("tenants").map { $0.isNull } ?? true ? "all of them" : gap.cell("tenants")
            },
        ]
        static let columns: [Column] = [
            .text("source"), .text("host"), .number("from"), .number("to"), .number("events"),
            .state("cause"),
            .text("accepted"), .prose("tenants"),
        ]

        func perform() async throws(CommandFailure) {
            if let acceptGaps { return try await accept(acceptGaps) }
            let answer = try await server.call(.get, "/admin/v1/sources/gaps")
            if each {
                output.show(answer, "gaps", Self.columns, nothing: "no gaps")
            } else {
                output.show(answer, "groups", Self.groups, nothing: "no gaps")
            }
            // A source that goes on is unclean, too.
            let open = answer.json.list("gaps").count {
                !$0.isTrue("accepted") && $0.cell("cause") != "unclean"
            }
            guard open == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(open) \(open == 1 ? "gap is" : "gaps are") neither filled nor accepted",
                    next: "start the emitter again so that it sends what it has spooled"
                )
            }
        }

        private func accept(_ selector: String) async throws(CommandFailure) {
            guard let maxEvents, let reason else {
                throw CommandFailure(.usage, "--accept-gaps needs --max-events and --reason")
            }
            try dryRun.confirm(
                confirmation,
                "Up to \(maxEvents) events that \(selector) means are accepted as lost for ever."
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/sources/gaps/accept",
                body: RequestBody.object([
                    ("selector", RequestBody.string(selector)), ("maxEvents", "\(maxEvents)"),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ]),
                naming: [.source(selector)]
            )
            output.show(
                answer,
                [.text("selector"), .number("gaps"), .number("at most"), .prose("tenants")]
            )
            dryRun.remark()
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
        @Argument(
            help: "The source's id, or so much of its beginning that no other is meant.",
            completion: KnownNames.completion(.sources)
        )
        var source: String
        @Option(help: "Why; kept in the book.")
        var reason: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let sources = try await server.call(.get, "/admin/v1/sources").json.list("sources")
            let meant = sources.filter { $0.cell("source").hasPrefix(source) }
            guard let found = meant.first else {
                let failure = CommandFailure(
                    .failed,
                    "there is no source \(source)",
                    next: "see which there are: meterctl sources list"
                )
                throw await server.guessing(failure, [.source(source)])
            }
            guard meant.count == 1 else {
                throw CommandFailure(
                    .failed,
                    "\(meant.count) sources begin with \(source)",
                    next: "give more of its id: meterctl sources list"
                )
            }
            try dryRun.confirm(
                confirmation,
                "Source \(found.cell("source")), last seen \(found.cell("lastSeen")), will be waited for "
                    + "no more."
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/sources/\(found.cell("source"))/retire",
                body: RequestBody.object([
                    ("reason", RequestBody.string(reason)),
                    ("principal", found.cell("principal")), dryRun.member,
                ])
            )
            output.show(answer, SourcesVerbs.columns)
            dryRun.remark()
        }
    }

    static let columns: [Column] = [
        .text("source"),
        .text("principal") { source in
            let label = source.cell("label")
            return label.isEmpty ? source.cell("principal") : label
        },
        .state("state"), .text("host"), .text("last seen"), .number("accepted"), .number("refused"),
        .number("duplicate"), .number("conflict", "inConflict"), .number("missing"),
        .number("given up"), .text("complete through"),
    ]
}
