internal import ArgumentParser
internal import MeterWaldur

/// What is asked of the server: first what a correction would do, then to do it.
struct AdjustmentRequest {
    let path: String
    var query: [(String, String)] = []
    /// Of the first request.
    let body: String
    /// What the second one has: a digest of what was looked at, in its query or its body.
    let applied: (_ digest: String) -> (query: [(String, String)], body: String)
}

/// How corrections and files of events are looked at and applied, all in the same way.
struct AdjustmentOptions: ParsableArguments {
    @Option(help: "Why; it stands in the book for ever.")
    var reason: String
    @Flag(help: "Say what it would do, and its digest, and change nothing.")
    var dryRun = false
    @Option(help: "Apply only if the effect is the one with this digest.")
    var digest: String?
    @OptionGroup var waldur: WaldurOption

    static let columns: [Column] = [
        .text("tenant"), .text("agents").forWideScreens, .text("month"), .text("component"),
        .number("amount"), .state("becomes"), .text("cause").forWideScreens, .text("lands in"),
        .text("obstacle"), .text("resource").forWideScreens,
    ]

    /// What was metered already, agent by agent, in the minutes of a file.
    private static let overlapColumns: [Column] = [
        .text("tenant"), .text("agent"), .text("month"), .text("component"),
        .number("in file"), .number("metered"), .number("minutes"),
        .number("equal", "equalMinutes"),
    ]

    /// A correction of usage, or of an adjustment.
    func request(_ members: [(String, String?)]) -> AdjustmentRequest {
        AdjustmentRequest(
            path: "/admin/v1/adjustments",
            body: RequestBody.object(members)
        ) { digest in
            let agreed = [
                ("reason", RequestBody.string(reason)), ("digest", RequestBody.string(digest)),
            ]
            return ([], RequestBody.object(members + agreed))
        }
    }

    /// Plans, shows, asks, and applies what was shown.
    func perform(
        _ request: AdjustmentRequest,
        _ confirmation: ConfirmationOptions,
        _ server: ServerOptions,
        _ output: OutputOptions
    ) async throws(CommandFailure) {
        let query = waldur.query + request.query
        let plan = try await server.call(
            .post,
            request.path + "/plan",
            query: query,
            body: request.body
        )
        let found = plan.json.cell("digest")
        // Only a file may be known: it counts once for ever.
        let known = plan.json.cell("number")
        if dryRun {
            output.show(plan, "effects", Self.columns, nothing: "no effect")
            if !known.isEmpty { return Terminal.talk(Self.standing(of: plan)) }
            talk(of: plan)
            return Terminal.talk("digest \(found)")
        }
        if known.isEmpty { try agree(on: plan, confirmation) }
        let applied = request.applied(found)
        let answer = try await server.call(
            .post,
            request.path,
            query: query + applied.query,
            body: applied.body
        )
        output.show(answer, "effects", Self.columns, nothing: "no effect")
        let number = answer.json.cell("number")
        Terminal.talk(
            known.isEmpty
                ? "adjustment \(number)" : "nothing changed: the file is adjustment \(number)"
        )
    }

    /// What a file that is known is, for it adds nothing more.
    private static func standing(of plan: Answer) -> String {
        let file = "the file is adjustment \(plan.json.cell("number"))"
        return switch plan.json.cell("state") {
        case "reverted": file + ", which was taken back; the same file never counts again"
        case "unfinished": file + ", which is unfinished: apply it again to have it finished"
        default: file + ": the same file counts once"
        }
    }

    /// Shows what it would do, where somebody is asked, and asks.
    private func agree(
        on plan: Answer,
        _ confirmation: ConfirmationOptions
    ) throws(CommandFailure) {
        if let digest, digest != plan.json.cell("digest") {
            throw CommandFailure(
                .precondition,
                "nothing was done: the effect is not the one with that digest",
                next: "look again with --dry-run"
            )
        }
        let effects = plan.json.list("effects")
        if !confirmation.yes {
            Terminal.talk(
                TableText(Table("effects", Self.columns, of: effects), on: Terminal.screen).text)
            talk(of: plan)
        }
        // What leaves an ended plan period stays in its month.
        let cut = effects.filter {
            $0.cell("becomes") == "carry" && $0.cell("cause") != "plan-ended"
        }
        .map { $0.cell("month") }
        let months = Set(cut).sorted()
        try confirmation.confirm(
            months.isEmpty
                ? "This is booked for ever; `adjust revert` takes it back."
                : "\(months.joined(separator: ", ")) \(months.count == 1 ? "is" : "are") cut: what is "
                    + "added or taken away there leaves it as a carry.",
            typing: months.first
        )
    }

    /// What of a file may have been metered already, and how many events it is about.
    private func talk(of plan: Answer) {
        let agents = plan.json.list("agents")
        if !agents.isEmpty {
            Terminal.talk("metered already in the same minutes:")
            Terminal.talk(
                TableText(Table("agents", Self.overlapColumns, of: agents), on: Terminal.screen)
                    .text
            )
        }
        let (events, before) = (plan.json.cell("events"), plan.json.cell("voidedBefore"))
        guard !events.isEmpty else { return }
        Terminal.talk(
            "\(events) event\(events == "1" ? "" : "s")"
                + (["", "0"].contains(before) ? "" : ", besides \(before) that are voided already")
        )
    }
}
