internal import ArgumentParser
internal import MeterWaldur

struct AdjustVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adjust",
        abstract:
            "Corrections of what was metered: append-only, looked at before they are applied.",
        subcommands: [
            List.self, Show.self, Amend.self, VoidEvents.self, Backfill.self, Revert.self,
        ],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every correction, and whether it is in force.",
            discussion: """
                  meterctl adjust list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("number"), .text("kind"), .state("state"), .text("tenants"),
            .number("lines", "lineCount"), .text("reverts"), .text("author"), .text("made"),
            .prose("reason"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/adjustments")
            output.show(answer, "adjustments", Self.columns, nothing: "nothing was corrected")
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "One correction, line by line.",
            discussion: """
                  meterctl adjust show 17
                """
        )
        @Argument(help: "The adjustment's number.")
        var number: UInt64
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("tenant"), .text("agent"), .text("access"), .text("resource"), .text("month"),
            .text("component"), .text("at"), .number("amount"), .text("outcome"), .text("way"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/adjustments/\(number)")
            output.show(answer, "lines", Self.columns, nothing: "no lines")
        }
    }

    struct Amend: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Says how much more or less an agent used of a component.",
            discussion: """
                In smallest units, in the minute in which it was used. What takes away lowers the totals of \
                the same resource down to zero; in a month that is cut it becomes a carry. Shows the effect \
                first; a dry run gives the digest with which a script applies exactly what was looked at.

                  meterctl adjust amend acme researcher input_tokens --amount -5000 \\
                      --at 2026-11-03T10:15:00Z --reason "ticket 311" --dry-run
                """
        )
        @Argument(help: "The tenant.")
        var tenant: String
        @Argument(help: "The agent.")
        var agent: String
        @Argument(help: "The component.")
        var component: String
        @Option(
            parsing: .unconditional, help: "How much in smallest units: 500 more, or -500 less.")
        var amount: String
        @Option(help: "The minute in which it was used.")
        var at: String
        @Option(help: "The access that the events named; none otherwise.")
        var access: String?
        @OptionGroup var applying: AdjustmentOptions
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let line = RequestBody.object([
                ("tenant", RequestBody.string(tenant)), ("agent", RequestBody.string(agent)),
                ("access", RequestBody.string(access)),
                ("component", RequestBody.string(component)), ("at", RequestBody.string(at)),
                ("amount", RequestBody.string(amount)),
            ])
            try await applying.perform(
                [("kind", RequestBody.string("amend")), ("lines", "[\(line)]")],
                confirmation,
                server,
                output
            )
        }
    }

    struct Revert: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Takes a correction back, once, or all of a backfill.",
            discussion: """
                  meterctl adjust revert 17 --reason "ticket 311 was about another agent"
                """
        )
        @Argument(help: "The adjustment's number.")
        var number: UInt64
        @OptionGroup var applying: AdjustmentOptions
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try await applying.perform(
                [("kind", RequestBody.string("revert")), ("reverts", "\(number)")],
                confirmation,
                server,
                output
            )
        }
    }
}

/// How a correction is looked at and applied.
struct AdjustmentOptions: ParsableArguments {
    @Option(help: "Why; it stands in the book for ever.")
    var reason: String
    @Flag(help: "Say what it would do, and its digest, and change nothing.")
    var dryRun = false
    @Option(help: "Apply only if the effect is the one with this digest.")
    var digest: String?
    @OptionGroup var waldur: WaldurOption

    static let columns: [Column] = [
        .text("tenant"), .text("month"), .text("component"), .number("amount"),
        .state("becomes"), .text("lands in"), .text("resource"), .prose("obstacle"),
    ]

    /// Plans, shows, asks, and applies what was shown.
    func perform(
        _ members: [(String, String?)],
        _ confirmation: ConfirmationOptions,
        _ server: ServerOptions,
        _ output: OutputOptions
    ) async throws(CommandFailure) {
        let plan = try await server.call(
            .post,
            "/admin/v1/adjustments/plan",
            query: waldur.query,
            body: RequestBody.object(members)
        )
        let found = plan.json.cell("digest")
        if dryRun {
            output.show(plan, "effects", Self.columns, nothing: "no effect")
            talk(of: plan)
            return Terminal.talk("digest \(found)")
        }
        if let digest, digest != found {
            throw CommandFailure(
                .precondition,
                "nothing was done: the effect is not the one with that digest",
                next: "look again with --dry-run"
            )
        }
        if !confirmation.yes {
            let rows = Table("effects", Self.columns, of: plan.json.list("effects"))
            Terminal.talk(TableText(rows, on: Terminal.screen).text)
            talk(of: plan)
        }
        let cut = plan.json.list("effects").first { $0.cell("becomes") == "carry" }
        try confirmation.confirm(
            cut.map { "\($0.cell("month")) is cut: what it has no room for leaves it as a carry." }
                ?? "This is booked for ever; `adjust revert` takes it back.",
            typing: cut?.cell("month")
        )
        let answer = try await server.call(
            .post,
            "/admin/v1/adjustments",
            query: waldur.query,
            body: RequestBody.object(
                members + [
                    ("reason", RequestBody.string(reason)),
                    ("digest", RequestBody.string(found)),
                ]
            )
        )
        output.show(answer, "effects", Self.columns, nothing: "no effect")
        Terminal.talk("adjustment \(answer.json.cell("number"))")
    }

    /// How many events a void takes back.
    private func talk(of plan: Answer) {
        let (events, before) = (plan.json.cell("events"), plan.json.cell("voidedBefore"))
        guard !events.isEmpty else { return }
        Terminal.talk(
            "\(events) events"
                + (before == "0" ? "" : ", besides \(before) that are voided already")
        )
    }
}
