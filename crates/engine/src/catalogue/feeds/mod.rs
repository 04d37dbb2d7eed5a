#![allow(missing_docs, dead_code, unused_variables)]
use std::{path::Path,collections::BTreeMap}; use crate::catalogue::Product;
#[derive(Debug,Clone,Copy)] pub enum Dialect{A}
impl std::fmt::Display for Dialect{fn fmt(&self,f:&mut std::fmt::Formatter<'_>)->std::fmt::Result{Ok(())}}
impl std::str::FromStr for Dialect{type Err=FeedError; fn from_str(s:&str)->Result<Self,FeedError>{Err(FeedError::X)}}
#[derive(Clone,Default,Debug)] pub struct FeedOptions{pub dialect:Option<Dialect>,pub default_currency:Option<String>,pub mapping:BTreeMap<String,String>,pub max_cell_bytes:usize}
pub struct Feed; impl Feed{pub fn dialect(&self)->Dialect{Dialect::A} pub fn fields(&self)->&[String]{&[]} pub fn unknown_columns(&self)->&[String]{&[]}}
impl Iterator for Feed{type Item=FeedRow; fn next(&mut self)->Option<FeedRow>{None}}
pub enum FeedRow{Product{line:u64,product:Product,warnings:Vec<RowProblem>},Rejected{line:u64,id:Option<String>,problem:RowProblem}}
pub struct RowProblem{pub field:Option<String>,pub code:&'static str,pub reason:String,pub hint:String}
impl RowProblem{pub fn is_end(&self)->bool{false}}
#[derive(Debug,thiserror::Error)] pub enum FeedError{#[error("x")]X}
impl FeedError{pub fn code(&self)->&'static str{"x"} pub fn hint(&self)->&'static str{"x"}}
pub fn open(p:&Path,o:&FeedOptions)->Result<Feed,FeedError>{Ok(Feed)}
