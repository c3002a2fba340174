package import Meter
package import MeterWire

/// One call of `set_usage`: the totals of one resource in one plan period.
package struct SetUsageCall: Equatable, Sendable {
    package struct Item: Equatable, Sendable {
        package let component: Name
        package let amount: Hundredths
        package let description: String

        package init(component: Name, amount: Hundredths, description: String) {
            self.component = component
            self.amount = amount
            self.description = description
        }
    }

    package let resource: ResourceID
    package let planPeriod: PlanPeriodID
    package let items: [Item]
    /// Which of Waldur's two bodies is sent; the older one where nobody knows.
    package var form = Form.recurring
    /// How long its answer is waited for at most, so that nobody waits for it when sending has stopped; nil for
    /// as long as for any call.
    package var timeoutMilliseconds: Int64?

    package init(resource: ResourceID, planPeriod: PlanPeriodID, items: [Item]) {
        self.resource = resource
        self.planPeriod = planPeriod
        self.items = items
    }

    /// The body that a Waldur understands.
    package enum Form: Equatable, Sendable {
        /// 7.3: what is filed lands in the month in which the call runs, whatever else it says.
        case recurring
        /// 8.1, from its schema and not observed: `date` names the month that is meant, and a month
        /// that is over is refused for components that are billed by usage.
        case dated(Timestamp)
    }

    /// Amounts are strings with two decimals; usage is never carried into the next month by Waldur.
    var body: String {
        let carried: String
        var date = ""
        switch form {
        case .recurring: carried = "\"recurring\":false"
        case .dated(let time):
            carried = "\"missing_usage_policy\":\"none\""
            date = "\"date\":\(JSONText.quoted(WaldurTime.text(time))),"
        }
        let usages = items.map { item in
            "{\"type\":\(JSONText.quoted(item.component.description)),"
                + "\"amount\":\"\(item.amount)\","
                + "\"description\":\(JSONText.quoted(item.description)),\(carried)}"
        }
        return "{\"resource\":\"\(resource)\",\"plan_period\":\"\(planPeriod)\",\(date)\"usages\":["
            + usages.joined(separator: ",") + "]}"
    }
}
