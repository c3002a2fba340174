/// Everything that a Waldur knows, and the rules by which it changes.
///
/// Synchronous and without input or output: whoever holds it hands in the time of each call. A
/// value, so that the holder can keep a copy and put it back when a call ends in a server error.
struct WaldurModel: Sendable {
    var customers = Table<Customer>()
    var projects = Table<Project>()
    var users = Table<User>()
    var offerings = Table<Offering>()
    var plans = Table<Plan>()
    var resources = Table<Resource>()
    var planPeriods = Table<PlanPeriod>()
    var usages = Table<UsageRow> { $0.key.resource }
    var invoices = Table<Invoice>()
    var items = Table<InvoiceItem>()
    var orders = Table<Order> { $0.resource }
    var work: [Work] = []
    var credits = Table<Credit>()
    var userUsages = Table<UserUsage>()
    /// `WALDUR_CORE.CURRENCY_NAME`.
    var currency = "EUR"
    /// By whose clocks months begin.
    var zone = Zone.utc

    var usageByKey: [UsageKey: ID] = [:]
    var itemsOfResource: [ID: [ID]] = [:]
    var itemsOfInvoice: [ID: [ID]] = [:]
    var periodsOfResource: [ID: [ID]] = [:]
    var lastPlanPrice = 0
    /// Key of the last invoice; its number is 100,000 more.
    var lastInvoice = 0

    private var base = Moment(micros: 0)
    private var latest = Moment(micros: Int64.min)

    /// Sets the time of the call that follows.
    mutating func begin(at now: Moment) {
        base = now
        // A clock that was set back takes effect; the few microseconds that stamps run ahead of a
        // standing clock do not count as that.
        if latest.micros > now.micros + Moment.second { latest = Moment(micros: now.micros - 1) }
    }

    /// The current time, later than every stamp before it: within one call Waldur reads its clock
    /// several times, and that an item's end lies after its plan period's end has consequences.
    mutating func stamp() -> Moment {
        latest = max(base, Moment(micros: latest.micros &+ 1))
        return latest
    }
}

extension WaldurModel {
    func month(of moment: Moment) -> Month { Month(of: moment, in: zone) }

    /// The customer that pays for a resource.
    func customer(of resource: Resource) -> ID? {
        projects[resource.project]?.customer
    }

    func plans(of offering: ID) -> [Plan] {
        plans.rows.filter { $0.offering == offering }.sorted { $0.name < $1.name }
    }

    func items(of resource: ID) -> [InvoiceItem] {
        (itemsOfResource[resource] ?? []).compactMap { items[$0] }
    }

    func items(of invoice: Invoice) -> [InvoiceItem] {
        (itemsOfInvoice[invoice.id] ?? []).compactMap { items[$0] }
    }

    func planPeriods(of resource: ID) -> [PlanPeriod] {
        (periodsOfResource[resource] ?? []).compactMap { planPeriods[$0] }
    }

    /// The plan period that a report without one goes to: the latest that covers `now`.
    func planPeriod(of resource: ID, at now: Moment) -> PlanPeriod? {
        planPeriods(of: resource)
            .filter { period in period.start <= now && period.end.map { $0 > now } ?? true }
            .max { $0.start < $1.start }
    }

    mutating func insert(_ item: InvoiceItem) {
        items.insert(item)
        itemsOfResource[item.resource, default: []].append(item.id)
        itemsOfInvoice[item.invoice, default: []].append(item.id)
    }

    /// Puts an item on another invoice.
    mutating func put(_ item: InvoiceItem, on invoice: ID) {
        itemsOfInvoice[item.invoice]?.removeAll { $0 == item.id }
        itemsOfInvoice[invoice, default: []].append(item.id)
        items.update(item.id) { $0.invoice = invoice }
    }

    mutating func insert(_ period: PlanPeriod) {
        planPeriods.insert(period)
        periodsOfResource[period.resource, default: []].append(period.id)
    }

    /// A free slug in Waldur's form: eight characters of the name and a number.
    func slug(for name: String, taken: (String) -> Bool) -> String {
        let plain = name.lowercased().map { character -> Character in
            character.isASCII && (character.isLetter || character.isNumber || character == "_")
                ? character : "-"
        }
        let stem = String(String(plain).prefix(8))
        var number = 1
        while taken("\(stem)-\(number)") { number += 1 }
        return "\(stem)-\(number)"
    }
}
