internal import Meter
internal import MeterWaldur
internal import MeterWire

/// What a correction or a file of events would do, part by part: whether each lands, or becomes which
/// carry, as the reporter would find it now.
struct AdjustmentEffects {
    private struct Part {
        let tenant: Name?
        let agents: [Name]
        let month: BillingMonth
        let component: Name
        let resource: ResourceKey?
        let fate: CorrectionFate
        let amount: LedgerAmount
        let weighed: LedgerAmount
    }

    private let parts: [Part]
    private let entry: CorrectionEntry
    private let calendar: BillingCalendar
    private let book: BookState

    /// Of usage that is corrected or added.
    init(
        _ effects: [CorrectionEffect],
        as entry: CorrectionEntry,
        _ calendar: BillingCalendar,
        _ book: BookState
    ) {
        parts = effects.map { effect in
            Part(
                tenant: effect.tenant,
                agents: effect.agents,
                month: effect.period.month,
                component: effect.component,
                resource: effect.resource,
                fate: effect.fate,
                amount: effect.amount,
                weighed: effect.weighed
            )
        }
        self.entry = entry
        self.calendar = calendar
        self.book = book
    }

    /// Of an adjustment of one row.
    init(
        _ adjustment: AdjustmentMade,
        _ fate: CorrectionFate,
        _ calendar: BillingCalendar,
        _ book: BookState
    ) {
        parts = [
            Part(
                tenant: book.resources[adjustment.key.resourceKey]?.customer,
                agents: [],
                month: adjustment.key.month,
                component: adjustment.key.component,
                resource: adjustment.key.resourceKey,
                fate: fate,
                amount: adjustment.amount,
                weighed: adjustment.amount
            )
        ]
        entry = .booked
        self.calendar = calendar
        self.book = book
    }

    var json: [JSONOutput] {
        let carries = carries
        return parts.map { part in json(part, part.fate.row.flatMap { carries[$0] }) }
    }

    /// By row: what several parts add to one leaves it as one carry.
    private var carries: [SubmissionKey: CarryMade] {
        var rows: [SubmissionKey: (fate: CorrectionFate, amount: LedgerAmount)] = [:]
        for part in parts {
            guard let row = part.fate.row else { continue }
            let sum = rows[row]?.amount ?? .zero
            rows[row] = (part.fate, (try? sum.adding(part.weighed)) ?? sum)
        }
        var carries: [SubmissionKey: CarryMade] = [:]
        for (row, added) in rows {
            guard let end = calendar.end(of: row) else { continue }
            carries[row] = try? CorrectionEffect.foreseen(
                added.amount,
                added.fate,
                as: entry,
                book: book,
                before: end
            )
        }
        return carries
    }

    private func json(_ part: Part, _ carry: CarryMade?) -> JSONOutput {
        var becomes = part.fate.description
        var landsIn: BillingMonth?
        var obstacle: CarryLanding.Obstacle?
        switch part.fate {
        case .lands(let row): landsIn = row.month
        case .carry(let row), .planEnded(let row):
            becomes = "carry"
            if let carry, let present = book.presentMonth(of: row.waldur) {
                let landing = CarryLanding(carry, book: book, into: present)
                obstacle = landing.obstacle
                if obstacle == nil { landsIn = landing.target?.month }
            }
        case .resourceGone, .notBillable, .notRead, .unassigned: break
        }
        return .object([
            JSONMember("tenant", .optional(part.tenant)),
            JSONMember("agents", .array(part.agents.map { .string($0.description) })),
            JSONMember("month", .string(part.month.description)),
            JSONMember("component", .string(part.component.description)),
            JSONMember("amount", .string(part.amount.description)),
            JSONMember("becomes", .string(becomes)),
            JSONMember("cause", .optional(carry?.cause.rawValue)),
            JSONMember("resource", .optional(part.resource?.resource)),
            JSONMember("planPeriod", .optional(part.fate.row?.planPeriod)),
            JSONMember("landsIn", .optional(landsIn?.description)),
            JSONMember("obstacle", .optional(obstacle?.rawValue)),
        ])
    }
}
