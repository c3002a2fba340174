internal import ArgumentParser
internal import MeterWaldur

struct PeriodVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "period",
        abstract: "Billing periods: open, cut, closed with a statement for each tenant.",
        subcommands: [List.self, Show.self, Preview.self, Close.self, Reopen.self],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every month, and how many of its tenants are closed.",
            discussion: """
                  meterctl period list
                """
        )
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("month"), .text("waldur"), .state("state"), .number("tenants"),
            .number("closed"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/periods", query: waldur.query)
            output.show(answer, "periods", Self.columns, nothing: "no resource is bound yet")
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "One month's tenants, and what keeps them from being closed.",
            discussion: """
                  meterctl period show 2026-11
                """
        )
        @Argument(help: "The month, such as 2026-11.")
        var month: String
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .get,
                "/admin/v1/periods/\(ServerClient.encode(month))",
                query: waldur.query
            )
            PeriodVerbs.show(answer, output)
        }
    }

    struct Preview: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "What can still be put right, until when, and what the month's end will be like.",
            discussion: """
                Holes, usage without a resource, figures of others, carries that wait, submissions \
                without outcome, components without a price, prices that change with the month, orders \
                that wait, invoice items that are held to a wrong price. What has a time beside it has to \
                be settled by then to be billed in the month itself. Exits 4 where there is any.

                Of the present month it also says when the final flush begins, how long it takes, and \
                how much will be used after the last totals and be carried.

                  meterctl period preview 2026-11
                """
        )
        @Argument(help: "The month, such as 2026-11.")
        var month: String
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .state("kind"), .text("until"), .text("subject"), .prose("detail"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .get,
                "/admin/v1/periods/\(ServerClient.encode(month))/preview",
                query: waldur.query
            )
            output.show(answer, "items", Self.columns, nothing: "nothing is in the way")
            let until = answer.json.cell("fixableUntil")
            if !until.isEmpty { Terminal.talk("Waldur can be told of \(month) until \(until)") }
            if let flush = answer.json.at("flush"), flush != .null { Self.talk(of: flush) }
            for line in answer.json.list("tail") {
                let amount = line.cell("amount")
                Terminal.talk(
                    "expected tail: \(line.cell("component")) \(line.cell("quantity")) "
                        + "\(line.cell("unit")), "
                        + (amount.isEmpty ? "of no known price" : "worth \(amount)")
                )
            }
            let count = answer.json.list("items").count
            guard count == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(count) \(count == 1 ? "thing needs" : "things need") a look",
                    next: "each line says what to do"
                )
            }
        }

        private static func talk(of flush: JSONValue) {
            let turn = flush.cell("turnMilliseconds")
            Terminal.talk(
                "final flush: from \(flush.cell("start")), \(flush.cell("seconds")) s for "
                    + "\(flush.cell("resources")) resources ("
                    + (turn.isEmpty ? "no turn measured yet)" : "\(turn) ms a turn)")
            )
            Terminal.talk(
                "half of the last totals are told \(flush.cell("medianTailSeconds")) s or more before the "
                    + "month's end"
            )
        }
    }

    struct Close: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Closes a month for every tenant that nothing is in the way of.",
            discussion: """
                Each gets a signed statement. A hole, a conflict, a source that never ended or a \
                submission without outcome keeps the tenants that it touches from being closed, until \
                it is gone or accepted by name (sources gaps --accept-gaps). Exits 4 where a tenant \
                could not be closed.

                  meterctl period close 2026-11 --dry-run
                  meterctl period close 2026-11
                  meterctl period close 2026-11 --tenant acme --yes
                """
        )
        @Argument(help: "The month, such as 2026-11.")
        var month: String
        @OptionGroup var waldur: WaldurOption
        @Option(
            help: "Only this tenant; may be given several times.",
            completion: KnownNames.completion(.tenants)
        )
        var tenant: [String] = []
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try dryRun.confirm(
                confirmation,
                "\(month) will be closed, with a signed statement for each tenant.",
                typing: month
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/periods/\(ServerClient.encode(month))/close",
                query: waldur.query,
                body: RequestBody.object([
                    ("tenants", RequestBody.strings(tenant)), dryRun.member,
                ]),
                naming: tenant.map { .tenant($0) }
            )
            PeriodVerbs.show(answer, output)
            dryRun.remark()
            let held = answer.json.list("tenants").count { !$0.list("obstacles").isEmpty }
            guard held == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(held) \(held == 1 ? "tenant" : "tenants") cannot be closed",
                    next: "see what is in the way: meterctl period preview \(month)"
                )
            }
        }
    }

    struct Reopen: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Opens a closed month of one tenant again.",
            discussion: """
                Its statement stays; the next revision has its hash, and only the carries and adjustments \
                that were made since.

                  meterctl period reopen 2026-11 --tenant acme --reason "ticket 311" --dry-run
                  meterctl period reopen 2026-11 --tenant acme --reason "ticket 311"
                """
        )
        @Argument(help: "The month, such as 2026-11.")
        var month: String
        @OptionGroup var waldur: WaldurOption
        @Option(help: "The tenant.", completion: KnownNames.completion(.tenants))
        var tenant: String
        @Option(help: "Why; it stands in the book for ever.")
        var reason: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try dryRun.confirm(
                confirmation,
                "\(month) of \(tenant) will be opened again, for another revision.",
                typing: month
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/periods/\(ServerClient.encode(month))/reopen",
                query: waldur.query,
                body: RequestBody.object([
                    ("tenant", RequestBody.string(tenant)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ]),
                naming: [.tenant(tenant)]
            )
            output.show(answer, PeriodVerbs.columns)
            dryRun.remark()
        }
    }

    private static let columns: [Column] = [
        .text("tenant"), .state("state"), .number("revision"),
        .text("statement").forProgramsOnly,
        .prose("in the way", "obstacles") { tenant in
            tenant.list("obstacles").map { $0.cell("detail") }.joined(separator: "; ")
        },
    ]

    private static func show(_ answer: Answer, _ output: OutputOptions) {
        output.show(answer, "tenants", columns, nothing: "no tenant has a binding in this month")
    }
}
