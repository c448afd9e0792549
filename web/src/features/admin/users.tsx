//! An account as the administration reads and changes it, and the roles it may have.

import { graphql, type ResultOf } from "@/data/graphql";
import { t } from "@/lib/messages";

export const UserFragment = graphql(`
  fragment User on User @_unmask { id name role isDisabled createdAt libraryAccess { access library { id name } } }
`);

export type User = ResultOf<typeof UserFragment>;
export type Role = User["role"];

export const UpdateUser = graphql(`mutation UpdateUser($input: UpdateUserInput!) { updateUser(input: $input) { user { ...User } } }`, [UserFragment]);

const roles = ["ADMIN", "EDITOR", "VIEWER"] as const;

/** The role that a choice stands for. */
export function roleOf(chosen: string, otherwise: Role): Role {
  return roles.find((role) => role === chosen) ?? otherwise;
}

export function RoleOptions() {
  return roles.map((role) => (
    <option key={role} value={role}>
      {t(`role.${role}`)}
    </option>
  ));
}
