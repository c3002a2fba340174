internal import ArgumentParser
internal import MeterWaldur

extension AdjustVerbs {
    struct Backfill: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Counts the events of a file that came by no emitter.",
            discussion: """
                CSV with the columns time, tenant, agent, component, amount and, if you like, access, model, \
                user, outcome, duration_ms, each row a call; or a JSON array of CloudEvents. Every line is \
                counted, or none. The same file counts once for ever. Shows first, agent by agent, what was \
                metered in the same minutes already. `adjust revert` takes all of it back.

                  meterctl adjust backfill lost.csv --reason "host 7, ticket 311" --dry-run
                """
        )
        @Argument(help: "The file.")
        var file: String
        @Option(help: "csv or cloudevents; otherwise by the file's name.")
        var format: String?
        @Option(help: "Why; it stands in the book for ever.")
        var reason: String
        @Flag(help: "Say what it would do, and its digest, and change nothing.")
        var dryRun = false
        @Option(help: "Apply only if the effect is the one with this digest.")
        var digest: String?
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("tenant"), .text("agent"), .text("month"), .text("component"),
            .number("in file"), .number("metered"), .number("minutes"), .number("equal minutes"),
        ]

        func perform() async throws(CommandFailure) {
            guard let text = String(validating: try LocalFile.bytes(file), as: UTF8.self) else {
                throw CommandFailure(.failed, "\(file) is not UTF-8")
            }
            let known = file.hasSuffix(".json") ? "cloudevents" : "csv"
            let query = waldur.query + [("format", format ?? known)]
            let plan = try await server.call(
                .post,
                "/admin/v1/backfills/plan",
                query: query,
                body: text
            )
            let found = plan.json.cell("digest")
            let state = plan.json.cell("state")
            if dryRun {
                output.show(plan, "agents", Self.columns, nothing: "no events")
                talk(of: plan)
                return Terminal.talk(state == "new" ? "digest \(found)" : "backfill \(state)")
            }
            if let digest, digest != found, state == "new" {
                throw CommandFailure(
                    .precondition,
                    "nothing was done: the effect is not the one with that digest",
                    next: "look again with --dry-run"
                )
            }
            if state == "new" { try ask(plan) }
            let name = file.split(separator: "/").last.map { String($0) }
            let answer = try await server.call(
                .post,
                "/admin/v1/backfills",
                query: query + [("digest", found), ("reason", reason), ("name", name ?? file)],
                body: text
            )
            output.show(answer, "agents", Self.columns, nothing: "no events")
            let number = answer.json.cell("number")
            Terminal.talk(
                state == "new"
                    ? "adjustment \(number)" : "nothing changed: the file is adjustment \(number)"
            )
        }

        /// Shows what the file would add, and asks.
        private func ask(_ plan: Answer) throws(CommandFailure) {
            if !confirmation.yes {
                let rows = Table("agents", Self.columns, of: plan.json.list("agents"))
                Terminal.talk(TableText(rows, on: Terminal.screen).text)
                talk(of: plan)
            }
            let cut = plan.json.list("effects").first { $0.cell("becomes") == "carry" }
            try confirmation.confirm(
                cut.map { "\($0.cell("month")) is cut: what is added to it leaves it as a carry." }
                    ?? "The events will be metered; `adjust revert` takes them back.",
                typing: cut?.cell("month")
            )
        }

        /// What becomes of it, as of any correction.
        private func talk(of plan: Answer) {
            let effects = Table(
                "effects",
                AdjustmentOptions.columns,
                of: plan.json.list("effects")
            )
            Terminal.talk(TableText(effects, on: Terminal.screen).text)
            Terminal.talk("\(plan.json.cell("events")) events")
        }
    }
}
