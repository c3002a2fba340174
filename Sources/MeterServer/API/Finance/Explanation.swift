internal import Meter
internal import MeterWaldur
internal import MeterWire

/// One figure of one agent's month, walked down: what Waldur was told of it, in which submissions, what was
/// added and taken away, which day and binding it comes from, and which files hold it.
struct Explanation {
    /// What is explained.
    struct Subject {
        let tenant: Name
        let agent: Name
        let component: Name
        let period: BillingPeriod
    }

    /// What one submission said of a row, and what became of it.
    struct Told {
        let number: UInt64
        let intended: Timestamp
        let total: Quantity
        let amount: Hundredths
        let position: UInt64
        /// `intended`, `confirmed`, `refused` or `unknown`.
        var outcome = "intended"
        var settled: Timestamp?
        var status: Int?
        var note: String?
    }

    /// What was metered on one day under one binding.
    struct Day: Hashable {
        /// The date on Waldur's calendar.
        let date: CivilDate
        let access: AccessID?
        /// Where it is bound; nil where it is not.
        var boundAccess: AccessID?
        var resource: ResourceID?
        var `class`: BindingClass?
        /// Why it is not.
        var reason: UnassignedReason?
        /// The other way of the agent's usage counted then.
        var isAdvisory = false
    }

    /// What one file has of it.
    struct File {
        let name: String
        let span: JournalSpan?
        let minutes: ClosedRange<Minute>?
        let total: UsageTotal
    }

    let subject: Subject
    let reading: TenantLedger.Reading
    /// By row of Waldur's usage.
    let told: [SubmissionKey: [Told]]
    let days: [(key: Day, total: UsageTotal)]
    /// What calls that did not end in ok have of it.
    let outcomes: [(variant: ComponentVariant, total: UsageTotal)]
    let files: [File]
    /// nil where nobody asked for them.
    let sources: ExplainedSources?

    /// What was metered for the agent and component.
    var total: UsageTotal {
        days.reduce(into: UsageTotal()) { sum, day in
            sum.sum &+= day.total.sum
            sum.count &+= day.total.count
        }
    }

    /// The lines of the ledger that have some of it.
    var attributed: [AttributedUsage] {
        reading.month.attributed.filter {
            $0.key.tenant == subject.tenant && $0.key.agent == subject.agent
                && $0.key.component == subject.component
        }
    }

    // MARK: - JSON

    var json: JSONOutput {
        .object([
            JSONMember("tenant", .string(subject.tenant.description)),
            JSONMember("agent", .string(subject.agent.description)),
            JSONMember("component", .string(subject.component.description)),
            JSONMember("period", .string(subject.period.month.description)),
            JSONMember("from", .string(RFC3339.text(subject.period.start))),
            JSONMember("to", .string(RFC3339.text(subject.period.end))),
            JSONMember("unit", .optional(reading.book.components[subject.component]?.unit)),
            JSONMember("metered", .decimal(total.sum)),
            JSONMember("events", .decimal(total.count)),
            JSONMember("position", .decimal(reading.answer.position)),
            JSONMember("asOf", .string(RFC3339.text(reading.answer.asOf))),
            JSONMember("rows", .array(attributed.map(json))),
            JSONMember("unassigned", .array(unassigned)),
            JSONMember("corrections", .array(corrections)),
            JSONMember("outcomes", .array(outcomes.map(json))),
            JSONMember("days", .array(days.map(json))),
            JSONMember("files", .array(files.map(json))),
            JSONMember("sources", sources?.json ?? .null),
        ])
    }

    /// What corrections add to what was metered, in smallest units.
    private var corrections: [JSONOutput] {
        reading.month.corrected.filter {
            $0.key.tenant == subject.tenant && $0.key.agent == subject.agent
                && $0.key.component == subject.component
        }.map { line in
            [
                "resource": .string(line.key.resource.resource.description),
                "access": .string(line.key.access.description),
                "planPeriod": .optional(line.key.planPeriod),
                "amount": .string(line.amount.description),
            ]
        }
    }

    private func json(_ part: (variant: ComponentVariant, total: UsageTotal)) -> JSONOutput {
        [
            "component": .string(ComponentVariant.label(part.variant.name)),
            "outcome": .string(part.variant.outcome.text), "metered": .decimal(part.total.sum),
            "events": .decimal(part.total.count),
        ]
    }

    private var unassigned: [JSONOutput] {
        reading.month.unassigned.filter {
            $0.key.tenant == subject.tenant && $0.key.agent == subject.agent
                && $0.key.component == subject.component
        }.map(BillingStatement.json)
    }

    private func json(_ usage: AttributedUsage) -> JSONOutput {
        let book = reading.book
        let key = usage.key
        var members = [
            JSONMember("waldur", .string(key.resource.waldur.name)),
            JSONMember("resource", .string(key.resource.resource.description)),
            JSONMember("access", .string(key.access.description)),
            JSONMember("toldAs", .string(key.told.description)),
            JSONMember("class", .optional(key.notBillable?.rawValue)),
            JSONMember("metered", .decimal(usage.total.rawValue)),
            JSONMember("weight", .decimal(usage.weight)),
        ]
        guard let planPeriod = key.planPeriod else { return .object(members) }
        let row = SubmissionKey(
            waldur: key.resource.waldur,
            resource: key.resource.resource,
            component: key.told,
            planPeriod: planPeriod,
            month: subject.period.month
        )
        let standing = book.resources[key.resource]?.periods.first { $0.id == planPeriod }
        let figure = reading.month.figures.first { $0.key == row }
        let terms = reading.month.lines.filter {
            $0.account == key.account && $0.planPeriod == planPeriod
        }
        members += [
            JSONMember("planPeriod", .string(planPeriod.description)),
            JSONMember("plan", .optional(standing?.planName)),
            JSONMember("planFrom", .optional(standing.map { RFC3339.text($0.start) })),
            JSONMember("planTo", .optional(standing?.end.map(RFC3339.text))),
            JSONMember("unit", .string(book.baseUnit(key.told, of: key.resource))),
            JSONMember("reportedUnit", .optional(book.reportedUnit(key.told, of: key.resource))),
            JSONMember("rowMetered", .optional(figure?.total)),
            JSONMember(
                "terms",
                .object(terms.map { JSONMember("\($0.term)", .string($0.amount.description)) })
            ),
            JSONMember("toTell", .optional(figure?.told)),
            JSONMember("confirmed", .optional(figure?.confirmed)),
            JSONMember("adjustments", .array(book.billing.adjustments(of: row).map(json))),
            JSONMember(
                "carries",
                .array(
                    book.billing.carries(to: row).map { json($0, isComingIn: true) }
                        + book.billing.carries(from: row).map { json($0, isComingIn: false) }
                )
            ),
            JSONMember("submissions", .array((told[row] ?? []).map(json))),
        ]
        return .object(members)
    }

    private func json(_ standing: AdjustmentStanding) -> JSONOutput {
        [
            "number": .decimal(standing.adjustment.number),
            "kind": .string(standing.adjustment.kind.rawValue),
            "amount": .string(standing.adjustment.amount.description),
            "reason": .string(standing.adjustment.reason), "author": .string(standing.author),
            "made": .string(RFC3339.text(standing.made)),
        ]
    }

    private func json(_ standing: CarryStanding, isComingIn: Bool) -> JSONOutput {
        let carry = standing.carry
        return [
            "number": .decimal(carry.number), "direction": isComingIn ? "in" : "out",
            "cause": .string(carry.cause.rawValue), "state": .string(standing.state),
            "amount": .string(carry.amount.description),
            "month": .string(carry.from.month.description),
            "landsIn": .optional(standing.target?.month),
            "reason": .optional(standing.settled?.reason),
        ]
    }

    private func json(_ told: Told) -> JSONOutput {
        [
            "number": .decimal(told.number), "intended": .string(RFC3339.text(told.intended)),
            "total": .optional(told.total), "amount": .string(told.amount.description),
            "position": .decimal(told.position), "outcome": .string(told.outcome),
            "settled": .optional(told.settled.map(RFC3339.text)),
            "status": .optional(told.status), "note": .optional(told.note),
        ]
    }

    private func json(_ day: (key: Day, total: UsageTotal)) -> JSONOutput {
        [
            "day": .string(day.key.date.text), "access": .optional(day.key.access),
            "boundAccess": .optional(day.key.boundAccess),
            "resource": .optional(day.key.resource),
            "class": .optional(
                day.key.isAdvisory
                    ? NotBillableClass.advisory.rawValue : day.key.class?.rawValue
            ),
            "unassigned": .optional(day.key.reason?.rawValue),
            "metered": .decimal(day.total.sum), "events": .decimal(day.total.count),
        ]
    }

    private func json(_ file: File) -> JSONOutput {
        [
            "file": .string(file.name), "from": .optional(file.span?.from),
            "to": .optional(file.span?.to),
            "firstMinute": .optional(file.minutes.map { RFC3339.text($0.lowerBound) }),
            "lastMinute": .optional(file.minutes.map { RFC3339.text($0.upperBound) }),
            "metered": .decimal(file.total.sum), "events": .decimal(file.total.count),
        ]
    }
}
