internal import Meter
internal import MeterWaldur
internal import MeterWire

/// What a running server's answers say about its health. Pure: answers in, diagnoses out.
struct ServerChecks {
    /// This machine's clock when the status was asked for, and when it had come.
    private let asked: Timestamp
    private let now: Timestamp
    private(set) var found: [Diagnosis] = []

    init(asked: Timestamp, now: Timestamp) {
        self.asked = asked
        self.now = now
    }

    /// A living emitter claims every few seconds.
    private static let silence: Int64 = 5 * 60_000
    private static let dayMilliseconds: Int64 = 86_400_000

    /// A question that was not answered. What it would have told is not known, and the rest goes on.
    mutating func unanswered(_ check: String, _ failure: CommandFailure) {
        add(
            check,
            failure.status == .unavailable ? .error : .warning,
            "not looked at: " + failure.sentence,
            advice: failure.next ?? "meterctl status"
        )
    }

    // MARK: - /admin/v1/status

    mutating func status(_ status: JSONValue, settings: JSONValue) {
        add("server", .good, "version \(status.cell("version")) answers")
        clock(status, settings)
        let reasons = status.list("reasons")
        for reason in reasons {
            let name = reason.cell("reason")
            add(
                "readiness",
                name == "damage" ? .damaged : reason.isTrue("blocking") ? .error : .warning,
                "\(name): \(reason.cell("detail"))",
                advice: "Documentation/Operations.md says what to do about \(name)"
            )
        }
        if reasons.isEmpty { add("readiness", .good, "ready, and no condition holds") }
        if !status.isTrue("events.conserved") {
            add(
                "conservation",
                .error,
                "events that came have not each exactly one outcome",
                advice: "a fault of Meter: keep data and log, and report it"
            )
        }
        sourceCounts(status)
    }

    private mutating func clock(_ status: JSONValue, _ settings: JSONValue) {
        let offset = Self.setting("clock-offset-seconds", in: settings)
        guard offset.isEmpty || offset == "0" else {
            return add("clock", .note, "moved by \(offset) s on purpose (clock-offset-seconds)")
        }
        guard let time = TimeText.timestamp(status.cell("time")) else { return }
        // What an answer that took long cannot tell is no difference of clocks.
        let skew = max(
            0,
            asked.milliseconds - time.milliseconds,
            time.milliseconds - now.milliseconds
        )
        let text =
            (skew < 10_000 ? "\(skew) ms" : Readable.seconds(skew / 1_000))
            + " from this machine's"
        switch skew {
        case ..<2_000: add("clock", .good, text)
        case ..<60_000: add("clock", .warning, text, advice: Self.clockAdvice)
        default: add("clock", .error, text, advice: Self.clockAdvice)
        }
    }

    private static let clockAdvice =
        "synchronise both clocks (chrony, systemd-timesyncd): events more than 5 minutes ahead are refused"

    private mutating func sourceCounts(_ status: JSONValue) {
        let quarantined = status.cell("sources.quarantined")
        if quarantined != "0", !quarantined.isEmpty {
            add(
                "sources",
                .error,
                "\(quarantined) quarantined: two processes used the same source",
                advice: "meterctl sources conflicts"
            )
        }
        if status.cell("completeThrough").isEmpty {
            add(
                "completeness",
                .warning,
                "it is not known up to when usage is complete",
                advice: "meterctl sources list shows whose `complete through` is missing"
            )
        }
    }

    // MARK: - /admin/v1/sources, …/gaps

    mutating func sources(_ sources: [JSONValue]) {
        let silent = sources.filter { source in
            guard source.cell("state") == "open",
                let seen = TimeText.timestamp(source.cell("lastSeen"))
            else { return false }
            return now.milliseconds - seen.milliseconds > Self.silence
        }
        if let first = silent.first {
            add(
                "sources",
                .warning,
                "\(silent.count) silent without a last claim, such as \(first.cell("source")) since "
                    + first.cell("lastSeen"),
                advice:
                    "start the emitter again so that it sends its spool; or, when it will not come "
                    + "back: meterctl sources retire"
            )
        } else {
            add("sources", .good, "\(sources.count), none silent without a last claim")
        }
    }

    mutating func gaps(_ gaps: [JSONValue]) {
        // A source that goes on is unclean, too; silence is looked at with the sources.
        let open = gaps.filter { !$0.isTrue("accepted") && $0.cell("cause") != "unclean" }
        if open.isEmpty { return add("gaps", .good, "no events are missing") }
        add(
            "gaps",
            .warning,
            Readable.plural(open.count, "range") + " of events not come and not accepted as lost",
            advice: "meterctl sources gaps"
        )
    }

    // MARK: - /admin/v1/keys, /admin/v1/config

    mutating func keys(_ keys: [JSONValue]) {
        let valid = keys.filter { $0.cell("state") == "valid" }
        let soon = valid.filter { key in
            guard let end = TimeText.timestamp(key.cell("ends")) else { return false }
            return end.milliseconds - now.milliseconds < 14 * Self.dayMilliseconds
        }
        if valid.isEmpty {
            add("keys", .note, "nobody has a key", advice: "meterctl keys create")
        } else if let first = soon.first {
            add(
                "keys",
                .warning,
                "\(soon.count) of \(valid.count) end within 14 days, \(first.cell("id")) at "
                    + first.cell("ends"),
                advice: "meterctl keys rotate \(first.cell("id")), unless that is meant"
            )
        } else {
            add("keys", .good, "\(valid.count) valid")
        }
    }

    mutating func masterKey(_ settings: JSONValue) {
        let file = Self.setting("master-key-file", in: settings)
        if !file.isEmpty { return add("master key", .good, "from \(file)") }
        if Self.setting("insecure-loopback", in: settings) == "true" {
            return add(
                "master key",
                .warning,
                "authentication is off (insecure-loopback): anybody on this machine may send",
                advice: "for more than a trial start with --master-key-file"
            )
        }
        add(
            "master key",
            .note,
            "none, so UDP and TCP take nothing",
            advice: "start with --master-key-file where emitters are to send frames"
        )
    }

    // MARK: - /admin/v1/report/status, /admin/v1/map/check

    mutating func reporting(_ rows: [JSONValue]) {
        if rows.isEmpty {
            return add("reporting", .note, "to no Waldur: usage is metered and not told")
        }
        for row in rows {
            let state = row.cell("state")
            let verdict: Diagnosis.Verdict =
                switch state {
                case "failing": .error
                case "held": .warning
                default: row.cell("unknownIntents") == "0" ? .good : .warning
                }
            add(
                "reporting",
                verdict,
                "\(row.cell("waldur")) \(state): \(row.cell("detail"))",
                advice: verdict == .good ? "" : "meterctl report status, meterctl report preview"
            )
        }
    }

    mutating func map(_ findings: [JSONValue]) {
        let errors = findings.filter { $0.cell("severity") == "error" }
        if let first = errors.first ?? findings.first {
            add(
                "map",
                errors.isEmpty ? .note : .warning,
                Readable.plural(findings.count, "finding")
                    + ", of which \(errors.count) keep usage from being billed; the "
                    + "first: \(first.cell("subject")): \(first.cell("detail"))",
                advice: "meterctl map check"
            )
        } else {
            add("map", .good, "Waldur answers its token, and every binding fits its offering")
        }
    }

    /// Waldur was asked through the server, and the question failed.
    mutating func map(_ failure: CommandFailure) {
        add(
            "map",
            .error,
            failure.sentence,
            advice: "check waldur.url, the token and its role: meterctl report status"
        )
    }

    // MARK: - /api/v1/tenants/…/billing

    mutating func unassigned(_ rows: [(tenant: String, usage: JSONValue)], lookedAt: String) {
        guard let first = rows.first else {
            return add("unassigned", .good, "no usage of this month is unassigned (\(lookedAt))")
        }
        add(
            "unassigned",
            .warning,
            Readable.plural(rows.count, "figure")
                + " of this month without a resource (\(lookedAt)), such as "
                + "\(first.usage.cell("component")) of agent \(first.usage.cell("agent")) of tenant "
                + "\(first.tenant) since \(first.usage.cell("since")): \(first.usage.cell("reason"))",
            advice: "meterctl map set"
        )
    }

    // MARK: -

    static func setting(_ path: String, in settings: JSONValue) -> String {
        settings.list("settings").first { $0.cell("setting") == path }?.cell("value") ?? ""
    }

    private mutating func add(
        _ check: String,
        _ verdict: Diagnosis.Verdict,
        _ detail: String,
        advice: String = ""
    ) {
        found.append(Diagnosis(check, verdict, detail, advice: advice))
    }
}
