//! DescribeRouteTables.

use crate::describe::{Kind, describe};
use crate::records::ROUTE_TABLES;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use std::sync::Arc;

const KIND: Kind = Kind {
    resource: ROUTE_TABLES,
    id: "routeTableId",
    prefix: "rtb",
    ids: "RouteTableIds",
    output: "RouteTables",
    error: "InvalidRouteTableID",
    malformed: "InvalidRouteTableId",
    called: "routeTable ID",
    filters: &[
        ("association.gateway-id", "associations.*.gatewayId"),
        ("association.main", "associations.*.main"),
        ("association.route-table-association-id", "associations.*.routeTableAssociationId"),
        ("association.route-table-id", "associations.*.routeTableId"),
        ("association.subnet-id", "associations.*.subnetId"),
        ("owner-id", "ownerId"),
        ("route-table-id", "routeTableId"),
        ("route.destination-cidr-block", "routes.*.destinationCidrBlock"),
        ("route.destination-ipv6-cidr-block", "routes.*.destinationIpv6CidrBlock"),
        ("route.destination-prefix-list-id", "routes.*.destinationPrefixListId"),
        ("route.gateway-id", "routes.*.gatewayId"),
        ("route.instance-id", "routes.*.instanceId"),
        ("route.nat-gateway-id", "routes.*.natGatewayId"),
        ("route.origin", "routes.*.origin"),
        ("route.state", "routes.*.state"),
        ("route.transit-gateway-id", "routes.*.transitGatewayId"),
        ("route.vpc-peering-connection-id", "routes.*.vpcPeeringConnectionId"),
        ("vpc-id", "vpcId"),
    ],
};

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    describe(&cx, &request, &KIND).await
}
